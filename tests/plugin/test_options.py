"""Flags, their aliases, ``-o``, ini values and the rootdir trap."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_nemo_eval.plugin.options import OPTIONS
from tests.fake_endpoint import serving
from tests.plugin.modes import MODES
from tests.plugin.suites import right_up_to, task, write_suite


def forms(flag: str, value: str) -> list[list[str]]:
    return [[f"{flag}={value}"], [flag, value]]


@pytest.mark.parametrize("prefix", ["--eval-", "--"])
@pytest.mark.parametrize("form", [0, 1], ids=["equals", "space"])
def test_flags_with_equals_and_with_a_space(pytester: pytest.Pytester, prefix: str, form: int) -> None:
    pytester.makepyfile("def test_it(run_benchmark, eval_settings):\n    print(eval_settings)\n    assert 0\n")
    flags = {"model-id": "some-model", "max-model-len": "2048", "server-arg": "swap-space=3", "backend": "vllm"}
    arguments = [word for name, value in flags.items() for word in forms(prefix + name, value)[form]]
    result = pytester.runpytest_subprocess(*arguments)
    assert result.ret == 1
    text = result.stdout.str()
    for words in ("model_id='some-model'", "max_model_len=2048", "server_args={'swap-space': 3}", "backend='vllm'"):
        assert words in text


def test_all_options_are_one_group_in_help(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--help")
    group = result.stdout.str().partition("evaluations of language models:")[2].partition("\n\n")[0]
    unwrapped = "".join(group.split())  # argparse breaks lines at hyphens too
    for option in OPTIONS:
        assert (option.flag if option.switch else f"{option.flag}=") in group
        assert f"(also{option.alias})" in unwrapped or not option.alias
    assert len(OPTIONS) == 28


@pytest.mark.parametrize("form", [0, 1], ids=["equals", "space"])
def test_a_conftest_keeps_a_flag_that_it_owns(pytester: pytest.Pytester, form: int) -> None:
    pytester.makeconftest('def pytest_addoption(parser): parser.addoption("--backend", default="none")')
    pytester.makepyfile('def test_it(pytestconfig): assert pytestconfig.getoption("--backend") == "theirs"')
    result = pytester.runpytest_subprocess(*forms("--backend", "theirs")[form])
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        ["*--backend belong to somebody else here; those of pytest-nemo-eval are --eval-backend"]
    )
    ours = pytester.runpytest_subprocess(*forms("--eval-backend", "vllm")[form], "-W", "error")
    assert ours.ret == 1  # the test fails, since --backend is "none"; the warning ends nothing


def test_a_flag_of_theirs_without_a_value(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('def pytest_addoption(parser): parser.addoption("--backend", action="store_true")')
    pytester.makepyfile('def test_it(pytestconfig): assert pytestconfig.getoption("--backend") is True')
    pytester.runpytest_subprocess("--backend").assert_outcomes(passed=1, warnings=1)


URL = "--model-url=http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model-path=a", "--model-url=http://h/v1"],
        [URL, "--served-model-name=a"],
        [URL, "--tensor-parallel-size=2"],
        [URL, "--max-model-len=2"],
        [URL, "--eval-server-arg", "a=2"],
        [URL, "--deploy-timeout=2"],
        ["--eval-set", "deployment=&a [*a]"],
        ["--model-url=nonsense"],
        ["--backend=vlm"],
        ["--eval-limit=0"],
        ["--eval-limit=1.5"],
        ["--eval-repeats=none"],
        ["--eval-concurrency=-3"],
        ["--eval-set", "port=3"],
        ["--eval-set", "deployment.prt=3"],
        ["--server-arg", "=3"],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(pytester: pytest.Pytester, arguments: list[str]) -> None:
    pytester.makepyfile("def test_it(run_benchmark): pass")
    result = pytester.runpytest_subprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    result.stderr.fnmatch_lines(["ERROR: *"])


@MODES
@pytest.mark.parametrize("wrong", ["--eval-limit=abc", "--eval-set=evaluation.tasks.nosuch.repeats=1"])
def test_a_mistake_beside_a_suite_file(pytester: pytest.Pytester, wrong: str, mode: tuple[str, ...]) -> None:
    write_suite(pytester, task("some"))
    write_suite(pytester, task("other"), name="eval_other.yaml")
    result = pytester.runpytest_subprocess(URL, wrong, *mode)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    result.stderr.fnmatch_lines([f"ERROR: *{wrong.partition('=')[0]}*{wrong.rpartition('=')[2].strip('1')}*"])


def test_an_override_of_one_files_task(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task("some"))
    write_suite(pytester, task("other"), name="eval_other.yaml")
    with serving(right_up_to(7)) as fake:
        override = "--eval-set=evaluation.tasks.other.params.limit_samples=2"
        assert pytester.runpytest_subprocess(f"--model-url={fake.url}", override).ret == 0
    assert len(fake.requests) == 10 + 2


def test_ini_values_of_deployments_are_no_mistake(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\neval_max_model_len = 2048\neval_deploy_timeout = 60\n")
    pytester.makepyfile("def test_it(eval_settings): assert eval_settings.max_model_len == 2048")
    pytester.runpytest_subprocess(URL).assert_outcomes(passed=1)


def test_ini_values(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    with serving(right_up_to(7)) as fake:
        pytester.makeini(f"[pytest]\neval_model_url = {fake.url}\neval_output = elsewhere\neval_files = eval_*.yaml\n")
        assert pytester.runpytest_subprocess().ret == 0
    assert list(pytester.path.glob("elsewhere/*/*/eval-sums.json"))


@pytest.mark.parametrize(("option", "mode"), [("-o", ()), ("--eval-set", ()), ("-o", ("-n", "1"))])
def test_dotted_overrides(pytester: pytest.Pytester, option: str, mode: tuple[str, ...]) -> None:
    write_suite(pytester, task(gate=0.9))
    overrides = ["evaluation.tasks.sums.gates.accuracy.min=0.3", "target.api_endpoint.model_id=other"]
    with serving(right_up_to(7)) as fake:
        overrides.append(f"target.api_endpoint.url={fake.url}")
        words = [word for override in overrides for word in (option, override)]
        result = pytester.runpytest_subprocess(*words, *mode, "-W", "error", "--strict-config")
    assert result.ret == 0, result.stdout.str()
    assert {request["model"] for request in fake.requests} == {"other"}


def test_repeats_limit_and_concurrency(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(
            f"--model-url={fake.url}", "--eval-limit=5", "--eval-repeats=3", "--eval-concurrency=2"
        )
    assert result.ret == 0
    assert len(fake.requests) == 15


@pytest.fixture
def trap(pytester: pytest.Pytester) -> tuple[Path, Path]:
    """A project without an ini-file, and a model folder beside a foreign one that deselects everything."""
    models = pytester.path / "models"
    (models / "tiny").mkdir(parents=True)
    (models / "pytest.ini").write_text("[pytest]\naddopts = -k nothing_at_all\n")
    (models / "tiny" / "conftest.py").write_text("raise SystemExit('a conftest beside the weights was run')")
    project = pytester.path / "project"
    project.mkdir()
    (project / "test_it.py").write_text("def test_it(pytestconfig): print(pytestconfig.rootpath); assert 0\n")
    return project, models / "tiny"


@pytest.mark.parametrize("flag", ["--model-path", "--eval-model-path"])
def test_a_value_that_shifts_the_rootdir_is_refused(
    pytester: pytest.Pytester, trap: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    project, model = trap
    monkeypatch.chdir(project)
    result = pytester.runpytest_subprocess(flag, str(model), str(project))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*write {flag}={model} instead of {flag} {model}"])
    fine = pytester.runpytest_subprocess(f"{flag}={model}", str(project))
    fine.assert_outcomes(failed=1)
    fine.stdout.fnmatch_lines([str(project)])


@pytest.mark.parametrize("flag", ["--model-path", "--eval-model-path"])
def test_a_value_that_shifts_nothing_is_fine_with_a_space(
    pytester: pytest.Pytester, trap: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    """And the conftest.py beside the weights is not run."""
    project, model = trap
    (model.parent / "pytest.ini").unlink()
    (project / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(project)
    result = pytester.runpytest_subprocess(flag, str(model), str(project))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([str(project)])
