"""Suite files as pytest collects, selects and names them."""

from __future__ import annotations

import pytest

from pytest_nemo_eval import read_run
from tests.fake_endpoint import serving
from tests.plugin.suites import right_up_to, runs, task, write_suite

NOWHERE = "--model-url=http://127.0.0.1:9/v1"
MATRIX = "      matrix: {temperature: [0, 0.7], repeats: [1, 2]}\n"


def collected(pytester: pytest.Pytester, *arguments: str) -> list[str]:
    result = pytester.runpytest_subprocess("--co", "-q", *arguments)
    return [line for line in result.outlines if "::" in line]


def test_one_item_a_benchmark_and_cell(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task("plain"), task("plain-5.1:own"), task("several", more=MATRIX))
    assert collected(pytester) == [
        "eval_it.yaml::plain",
        "eval_it.yaml::plain-5.1:own",
        "eval_it.yaml::several[0-1]",
        "eval_it.yaml::several[0-2]",
        "eval_it.yaml::several[0.7-1]",
        "eval_it.yaml::several[0.7-2]",
    ]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["eval_it.yaml::plain"], ["plain"]),
        (["eval_it.yaml::several[0.7-1]"], ["several[0.7-1]"]),
        (["eval_it.yaml::several"], ["several[0-1]", "several[0-2]", "several[0.7-1]", "several[0.7-2]"]),
        (["-k", "plain"], ["plain"]),
        (["-k", "several and not 0.7"], ["several[0-1]", "several[0-2]"]),
        (["-m", "nightly"], ["tagged"]),
        (["-m", "not nightly", "-k", "not several and not test_other"], ["plain"]),
        (["-m", "nemo_eval", "-k", "not several"], ["plain", "tagged"]),
        (["--deselect", "eval_it.yaml::several", "-k", "not tagged and not test_other"], ["plain"]),
    ],
)
def test_selection(pytester: pytest.Pytester, arguments: list[str], names: list[str]) -> None:
    write_suite(pytester, task("plain"), task("several", more=MATRIX), task("tagged", more="      tags: [nightly]\n"))
    pytester.makepyfile("def test_other():\n    pass\n")
    found = collected(pytester, "--strict-markers", *arguments)
    assert found == [f"eval_it.yaml::{name}" for name in names]


@pytest.mark.parametrize(
    ("name", "arguments", "found"),
    [
        ("eval_it.yaml", [], True),
        ("eval_it.yml", [], True),
        ("release.eval.yaml", [], True),
        ("release.yaml", [], False),
        ("release.yaml", ["release.yaml"], True),
        ("bench.yaml", ["-o", "eval_files=bench*.yaml other.yaml"], True),
        ("eval_it.yaml", ["-o", "eval_files=bench*.yaml"], False),
    ],
)
def test_which_files_are_suites(pytester: pytest.Pytester, name: str, arguments: list[str], found: bool) -> None:
    write_suite(pytester, task(), name=name)
    assert collected(pytester, *arguments) == ([f"{name}::sums"] if found else [])


@pytest.mark.parametrize("text", ["ok:\n  sub1: sub1\n", "[", "test_name: x\n---\nstages: []\n"])
def test_named_files_of_other_plugins_are_left_alone(pytester: pytest.Pytester, text: str) -> None:
    pytester.makeconftest(
        """
        import pytest

        class Theirs(pytest.File):
            def collect(self):
                yield TheirItem.from_parent(self, name="theirs")

        class TheirItem(pytest.Item):
            def runtest(self):
                pass

        def pytest_collect_file(parent, file_path):
            if file_path.name == "test_simple.yaml":
                return Theirs.from_parent(parent, path=file_path)
        """
    )
    (pytester.path / "test_simple.yaml").write_text(text)
    pytester.runpytest_subprocess("test_simple.yaml").assert_outcomes(passed=1)


def test_names_of_the_users_own(pytester: pytest.Pytester) -> None:
    """A fixture that brings them stands for its folder."""
    head = "deployment: {type: own, model_path: m}\nexecution: {backend: cluster}\n"
    folder = pytester.mkdir("folder")
    write_suite(pytester, task(), head=head).rename(folder / "eval_it.yaml")
    (pytester.path / "sums.jsonl").rename(folder / "sums.jsonl")
    text = "import pytest\n" + "".join(
        f"@pytest.fixture(scope='session')\ndef {name}(): ...\n" for name in ("eval_backend", "eval_launcher")
    )
    (folder / "conftest.py").write_text(text)
    assert collected(pytester) == ["folder/eval_it.yaml::sums"]
    (folder / "conftest.py").rename(pytester.mkdir("other") / "conftest.py")
    result = pytester.runpytest_subprocess("--co", "other", "folder")
    result.stdout.fnmatch_lines(["*type: there is no own; *need a fixture eval_backend in a conftest.py*"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "evaluation:\n  tasks:\n    - name: gsm8k\n      gates: {acuracy: {min: 0.5}}\n",
            "*eval_it.yaml:4: *acuracy*did you mean accuracy*",
        ),
        ("evaluation:\n  tasks:\n    - nme: gsm8k\n", "*eval_it.yaml:3: *nme*did you mean name*"),
        ("evaluation:\n  tasks:\n    - name: gsm8\n", "*eval_it.yaml:3: *gsm8*did you mean gsm8k*"),
        ("evaluation:\n  tasks:\n    - {name: gsm8k, repeats: many}\n", "*eval_it.yaml:3: *repeats*"),
        ("deployment: {prt: 8080}\nevaluation: {tasks: [gsm8k]}\n", "*eval_it.yaml:1: *prt*did you mean port*"),
        ("evaluation:\n  tasks: [gsm8k, gsm8k]\n", "*eval_it.yaml: two tasks are called gsm8k"),
        ("evaluation:\n  tasks: []\n", "*eval_it.yaml: evaluation.tasks lists no benchmark*"),
        ("evaluation: [\n", "*eval_it.yaml:*"),
        ("", "*eval_it.yaml*"),
        (
            "target: {api_endpoint: {url: 'http://h/v1', api_key: sk-very-secret}}\nevaluation: {tasks: [gsm8k]}\n",
            "*eval_it.yaml:1: *api_key*",
        ),
        (
            "deployment:\n  model_path: m\n  type: vlm\nevaluation: {tasks: [gsm8k]}\n",
            "*eval_it.yaml:3: deployment.type: there is no vlm; did you mean vllm?*",
        ),
        (
            "execution: {backend: lokal}\nevaluation: {tasks: [gsm8k]}\n",
            "*eval_it.yaml:1: execution.backend: there is no lokal; did you mean local?*",
        ),
        (
            "target: {api_endpoint: {type: completion}}\nevaluation: {tasks: [gsm8k]}\n",
            "*eval_it.yaml:1: *type: should be one of chat, completions*",
        ),
        ("evaluation:\n  tasks:\n    - name: gsm8k\n      tags: [a-b]\n", "*eval_it.yaml:4: the tag 'a-b' is no name*"),
        ("evaluation:\n  tasks:\n    - name: gsm8k\n      tags: [_x]\n", "*eval_it.yaml:4: the tag '_x' is no name*"),
        ("evaluation: &a {tasks: [*a]}\n", "*eval_it.yaml: is nested too deeply*"),
    ],
)
def test_a_typo_is_a_collection_error(pytester: pytest.Pytester, text: str, words: str) -> None:
    (pytester.path / "eval_it.yaml").write_text(text)
    result = pytester.runpytest_subprocess("--co")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([words])
    for unwanted in ("Traceback", "very-secret"):
        assert unwanted not in result.stdout.str()


def test_exit_at_the_first_failure(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task("good", gate=0.5), task("bad", gate=0.9), task("later", gate=0.5))
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "-x")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1
    statuses = {folder.name: read_run(folder).record.status.value for folder in runs(pytester)}
    assert statuses.pop("eval_it.yaml_later", "interrupted") == "interrupted"  # if any of it was sent ahead
    assert statuses == {"eval_it.yaml_bad": "finished", "eval_it.yaml_good": "finished"}


def test_last_failed(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task("good", gate=0.5), task("bad", gate=0.9))
    with serving(right_up_to(7)) as fake:
        assert pytester.runpytest_subprocess(f"--model-url={fake.url}").ret == 1
        again = pytester.runpytest_subprocess(f"--model-url={fake.url}", "--lf")
    again.assert_outcomes(failed=1)


def test_an_error_counts_as_failed_for_last_failed(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task("good", gate=0.5), task("broken", more="      dataset: {path: nosuch.jsonl}\n"))
    path = pytester.path / "eval_it.yaml"
    path.write_text(path.read_text().replace("      dataset: {path: sums.jsonl}\n      dataset", "      dataset"))
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "--continue-on-collection-errors")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*there is no data set file *nosuch.jsonl*"])


def test_planned_names_are_collected_and_say_so_when_they_run(pytester: pytest.Pytester) -> None:
    (pytester.path / "eval_it.yaml").write_text("evaluation: {tasks: [humaneval]}\n")
    assert collected(pytester) == ["eval_it.yaml::humaneval"]
    result = pytester.runpytest_subprocess(NOWHERE)
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*the benchmark humaneval is not available in this version*"])
