"""What plugins of third parties can add and change."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_nemo_eval.config.registry import KINDS, Registry
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.plugin import hookspecs
from tests.fake_endpoint import serving
from tests.plugin.modes import MODES
from tests.plugin.suites import right_up_to, task, write_suite, write_sums

ROOT = Path(__file__).parents[2]
SUITE = """
deployment: {type: toy, model_path: m}
execution: {backend: telling}
target:
  api_endpoint:
    adapter_config:
      interceptors: [polite]
      post_eval_hooks: [noted]
evaluation:
  tasks:
    - name: toy_sums
      dataset: {path: sums.jsonl}
      gates: {accuracy: {min: 0.9}}
    - name: strict
      prompt: "{question}"
      scorer: last-number
      dataset: {path: sums.jsonl}
"""


@MODES
def test_the_example_plugin(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...]) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("EXAMPLE_NOTES", str(pytester.path / "notes"))
    write_sums(pytester.path)
    (pytester.path / "eval_it.yaml").write_text(SUITE)
    result = pytester.runpytest_subprocess("-p", "tests.example_plugin.plugin", "-v", "--eval-show-chain", *mode)
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.re_match_lines_random(
        [r"toy_sums +0\.9000 ", r"strict +0\.9000 ", r".*chain: polite -> endpoint", r"the house rules want all of .*"]
    )
    notes = (pytester.path / "notes").read_text().splitlines()
    assert sorted(notes) == [
        "after strict 10",
        "after toy_sums 10",
        "before strict",
        "before toy_sums",
        "deployed toy-model",
        "deploying toy-model",
        "export eval_it.yaml_strict",
        "export eval_it.yaml_toy_sums",
        "launcher",
    ]
    assert notes.index("deploying toy-model") < notes.index("launcher") < notes.index("deployed toy-model")
    by_name = pytester.runpytest_subprocess(
        "-p", "tests.example_plugin.plugin", "--backend", "telling:toy", "-k", "toy_sums", *mode
    )
    assert by_name.ret == 0


@pytest.mark.parametrize(
    ("hook", "arguments"),
    [
        ("pytest_nemo_eval_sample", "sample"),
        ("pytest_nemo_eval_before_benchmark", "item"),
        ("pytest_nemo_eval_after_benchmark", "result"),
        ("pytest_nemo_eval_judge", "result"),
    ],
)
def test_a_hook_that_raises_is_an_error_that_names_it(pytester: pytest.Pytester, hook: str, arguments: str) -> None:
    pytester.makeconftest(f"def {hook}({arguments}): raise KeyError('oops')")
    write_suite(pytester, task(gate=0.5))
    with serving(right_up_to(10)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    assert result.ret == 7
    result.stdout.fnmatch_lines([f"*the hook {hook} raised KeyError('oops')*"])


@pytest.mark.parametrize("hook", ["pytest_nemo_eval_before_deployment", "pytest_nemo_eval_after_deployment"])
def test_a_hook_that_raises_fails_the_deployment(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("EXAMPLE_NOTES", str(pytester.path / "notes"))
    write_sums(pytester.path)
    (pytester.path / "eval_it.yaml").write_text(SUITE)
    pytester.makeconftest(f"def {hook}(spec): raise KeyError('oops')")
    result = pytester.runpytest_subprocess("-p", "tests.example_plugin.plugin")
    assert result.ret == 7
    result.stdout.fnmatch_lines([f"*the hook {hook} raised KeyError('oops')*"])


def test_a_sample_that_is_none(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("def pytest_nemo_eval_sample(sample): return 'a sample'")
    write_suite(pytester, task())
    result = pytester.runpytest_subprocess("--model-url=http://127.0.0.1:9/v1")
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*the hook pytest_nemo_eval_sample gave 'a sample', which is no Sample*"])


def test_two_sessions_of_one_process(pytester: pytest.Pytester) -> None:
    for name in ("one", "two"):
        folder = pytester.mkdir(name)
        (folder / "conftest.py").write_text(
            f"def pytest_nemo_eval_register(registry): registry.add('scorer', 'mine', '{name}:it')"
        )
        (folder / f"test_{name}.py").write_text("def test_it(): pass")
    program = "import pytest, sys; sys.exit(pytest.main(['one']) or pytest.main(['two']))"
    assert pytester.run(sys.executable, "-c", program).ret == 0


@pytest.mark.parametrize("how", ["return True", "raise KeyError('oops')"])
def test_a_judge_cannot_make_a_missed_gate_pass(pytester: pytest.Pytester, how: str) -> None:
    pytester.makeconftest(f"def pytest_nemo_eval_judge(result): {how}")
    write_suite(pytester, task(gate=0.9))
    with serving(right_up_to(5)) as fake:
        assert pytester.runpytest_subprocess(f"--model-url={fake.url}").ret == 1


def test_what_cannot_be_added(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("def pytest_nemo_eval_register(registry): registry.add('backend', 'mine', 'nowhere')")
    result = pytester.runpytest_subprocess()
    assert result.ret == 4
    assert "the backend 'mine' is added as 'nowhere', and should be as MODULE:NAME" in result.stderr.str()


def test_what_cannot_be_imported_is_told_where_it_is_used(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("def pytest_nemo_eval_register(registry): registry.add('scorer', 'includes', 'nowhere:it')")
    write_suite(pytester, task())
    result = pytester.runpytest_subprocess("--model-url=http://127.0.0.1:9")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*nowhere:it cannot be imported*"])


def test_a_registry() -> None:
    registry = Registry()
    for kind in KINDS:
        registry.add(kind, "mine", "pathlib:Path")
        registry.add(kind, "mine", "pathlib:Path")  # a second session of one process
        assert registry.load(kind, "mine") is Path
        assert registry.names(kind) == ["mine"]
        assert registry.load(kind, "other") is None
        with pytest.raises(ConfigError, match="added twice: as pathlib:Path, and as os:path"):
            registry.add(kind, "mine", "os:path")
    registry.add("scorer", "broken", "pathlib:Nothing")
    with pytest.raises(ConfigError, match=r"the scorer broken \(pathlib:Nothing\) cannot be imported"):
        registry.load("scorer", "broken")
    with pytest.raises(ConfigError, match="there is no such kind"):
        registry.add("metric", "mine", "pathlib:Path")


def test_docs_name_all_of_it() -> None:
    text = (ROOT / "docs" / "extending.md").read_text()
    for name in vars(hookspecs):
        if name.startswith("pytest_nemo_eval_"):
            assert f"`{name}`" in text
    for kind in KINDS:
        assert f"`{kind}`" in text
