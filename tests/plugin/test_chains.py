"""Three ways to set interceptors up, one result."""

from __future__ import annotations

import os

import pytest

from pytest_nemo_eval import Run, read_run
from tests.fake_endpoint import FakeEndpoint, Reply, serving
from tests.plugin.suites import right_up_to, runs, task, write_suite

BRIEF = {"role": "system", "content": "Be brief."}
LOUD = """
from pytest_nemo_eval import Message


class Loud:
    def __init__(self, word="LOUD"):
        self.word = word

    async def __call__(self, request, call_next):
        return await call_next(request.replace(messages=(Message("system", self.word), *request.messages)))


async def polite(request, call_next):
    return await call_next(request.replace(messages=(Message("system", "please"), *request.messages)))
"""


@pytest.fixture(autouse=True)
def importable(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules beside a suite; pytest 8.0 takes no ``-o pythonpath`` without an ini-file."""
    folders = (str(pytester.path), str(pytester.path / "third"), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folder for folder in folders if folder))


def systems(fake: FakeEndpoint, request: int = 0) -> list[str]:
    """The system messages of a request, in order."""
    return [message["content"] for message in fake.requests[request]["messages"] if message["role"] == "system"]


def run_of(pytester: pytest.Pytester, name: str = "sums") -> Run:
    (folder,) = [folder for folder in runs(pytester) if folder.name.endswith(name)]
    return read_run(folder)


def head(url: str, adapter: str) -> str:
    """A suite file's target with an adapter_config."""
    return f"target:\n  api_endpoint:\n    url: {url}\n    model_id: m\n    adapter_config: {adapter}\n"


IN_A_LIST = "{interceptors: [{name: system_message, config: {system_message: Be brief.}}]}"
AS_FLAGS = "{use_system_prompt: true, custom_system_prompt: Be brief.}"


@pytest.mark.parametrize("adapter", [IN_A_LIST, AS_FLAGS])
def test_of_a_target(pytester: pytest.Pytester, adapter: str) -> None:
    with serving(right_up_to(7)) as fake:
        write_suite(pytester, task(), head=head(fake.url, adapter))
        result = pytester.runpytest_subprocess("--eval-show-chain")
    result.assert_outcomes(passed=1)
    assert {request["messages"][0]["content"] for request in fake.requests} == {BRIEF["content"]}
    assert [request["messages"][0] for request in fake.requests[:1]] == [BRIEF]
    result.stdout.fnmatch_lines(["*chain: system_message -> endpoint*"])
    assert run_of(pytester).record.benchmark.interceptors != ()


def test_of_a_task_alone(pytester: pytest.Pytester) -> None:
    more = "      interceptors: [{name: system_message, config: {system_message: Be brief.}}]\n"
    write_suite(pytester, task("brief", more=more), task("long"))
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "-n", "2", "--eval-show-chain")
    result.assert_outcomes(passed=2)
    assert sorted(len(request["messages"]) for request in fake.requests) == [1] * 10 + [2] * 10
    result.stdout.fnmatch_lines(["*chain: endpoint*"])


def test_of_the_command_line(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    pytester.makepyfile(
        """
        def test_python(run_benchmark):
            assert run_benchmark("sums", dataset="sums.jsonl", prompt="{question}", scorer="includes").n == 10
        """
    )
    options = (
        "--interceptor",
        "system_message:system_message=Be brief.",
        "--interceptor=system_message:strategy=replace",
    )
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", *options)
    result.assert_outcomes(passed=2)
    assert {request["messages"][0]["content"] for request in fake.requests} == {"Be brief."}
    assert {len(request["messages"]) for request in fake.requests} == {2}


def test_the_order_is_target_task_command_line(pytester: pytest.Pytester) -> None:
    (pytester.path / "mine.py").write_text(LOUD)
    more = "      interceptors: ['mine:polite']\n"
    with serving(right_up_to(7)) as fake:
        write_suite(
            pytester, task(more=more), head=head(fake.url, "{interceptors: [{name: 'mine:Loud', config: {word: A}}]}")
        )
        options = ("--interceptor", "mine:Loud:word=B")
        result = pytester.runpytest_subprocess(*options, "--eval-show-chain")
    result.assert_outcomes(passed=1)
    assert systems(fake) == ["B", "please", "A"]  # the innermost one puts its message before all others
    result.stdout.fnmatch_lines(["*chain: Loud -> polite -> Loud -> endpoint*"])


FIXTURE = """
import pytest
from mine import polite

@pytest.fixture
def interceptors({0}):
    return [{1}polite]
"""


@pytest.mark.parametrize(
    ("arguments", "before", "expected"),
    [("", "", ["please"]), ("interceptors", "*interceptors, ", ["please", "Be brief."])],
)
def test_a_fixture_replaces_them_or_adds_to_them(
    pytester: pytest.Pytester, arguments: str, before: str, expected: list[str]
) -> None:
    more = "      interceptors: [{name: system_message, config: {system_message: Be brief.}}]\n"
    write_suite(pytester, task(more=more))
    (pytester.path / "mine.py").write_text(LOUD)
    (pytester.path / "conftest.py").write_text(FIXTURE.format(arguments, before))
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    result.assert_outcomes(passed=1)
    assert systems(fake) == expected


def test_a_fixture_may_not_put_a_cache_before_what_changes_requests(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    (pytester.path / "conftest.py").write_text(
        """
import pytest
from pytest_nemo_eval.interceptors import create_interceptor

@pytest.fixture
def interceptors(tmp_path):
    cache = create_interceptor("caching", {"cache_dir": str(tmp_path)})
    return [cache, create_interceptor("system_message", {"system_message": "x"})]
"""
    )
    result = pytester.runpytest_subprocess("--model-url=http://127.0.0.1:9/v1", "--model-id=m")
    result.assert_outcomes(errors=1)
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*system_message changes requests*put system_message before caching*"])


def test_nemo_s_list_runs_as_it_stands(pytester: pytest.Pytester) -> None:
    """With its endpoint, in a target's list, in a task's, and with one of the command line behind both."""
    (pytester.path / "mine.py").write_text(LOUD)
    listed = "[{name: system_message, config: {system_message: Be brief.}}, endpoint, {name: reasoning}]"
    more = "      interceptors: [{name: 'mine:Loud', config: {word: HEY}}, endpoint, response_stats]\n"
    with serving(lambda question: f"<think>0</think>{right_up_to(7)(question)}") as fake:
        write_suite(pytester, task(more=more), head=head(fake.url, f"{{interceptors: {listed}}}"))
        result = pytester.runpytest_subprocess("--eval-show-chain", "--interceptor", "drop_params:params=[seed]")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*chain: system_message -> reasoning -> Loud -> response_stats -> drop_params -> endpoint*"]
    )
    assert systems(fake) == ["HEY", "Be brief."]
    assert {result.reply.partition(" ")[0] for result in run_of(pytester).results} == {"It"}


MISTAKES = {
    "system_mesage": "no interceptor is called 'system_mesage'; did you mean system_message?",
    "{name: system_message, config: {system_mesage: x}}": "the interceptor system_message has no key system_mesage; "
    "did you mean system_message?",
    "{name: system_message, config: {}}": "the interceptor system_message: Object missing required field",
    "'mine:Nothing'": "the interceptor mine:Nothing cannot be imported",
    "{name: 'mine:polite', config: {a: 1}}": "the interceptor mine:polite is a function, and takes no keys: a",
    "{name: 'mine:Loud', config: {a: 1}}": "the interceptor mine:Loud cannot be made",
}


@pytest.mark.parametrize("entry", MISTAKES)
@pytest.mark.parametrize("place", ["target", "task"])
def test_mistakes_are_collection_errors_with_file_and_line(pytester: pytest.Pytester, entry: str, place: str) -> None:
    (pytester.path / "mine.py").write_text(LOUD)
    of_target = head("http://127.0.0.1:9/v1", f"{{interceptors: [{entry}]}}") if place == "target" else ""
    write_suite(pytester, task(more=f"      interceptors: [{entry}]\n" if place == "task" else ""), head=of_target)
    result = pytester.runpytest_subprocess("--model-url=http://127.0.0.1:9/v1")
    assert result.ret == 2
    words = MISTAKES[entry].replace("[", "[[]")
    result.stdout.fnmatch_lines([f"*eval_it.yaml:*{words}*"])


def test_mistakes_on_the_command_line(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    for given, words in (
        ("system_mesage", "did you mean system_message"),
        ("=x", "takes NAME, or NAME:KEY=VALUE"),
        ("system_message:word=x", "has no key word"),
    ):
        result = pytester.runpytest_subprocess("--model-url=http://127.0.0.1:9/v1", f"--interceptor={given}")
        assert result.ret in (2, 4)
        assert words in result.stdout.str() + result.stderr.str()


def test_flags_beside_a_list_are_refused(pytester: pytest.Pytester) -> None:
    adapter = "{use_system_prompt: true, custom_system_prompt: x, interceptors: ['mine:polite']}"
    write_suite(pytester, task(), head=head("http://127.0.0.1:9/v1", adapter))
    result = pytester.runpytest_subprocess()
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*write one of both*"])


def test_a_cache_and_what_interceptors_have_to_say(pytester: pytest.Pytester) -> None:
    """The second session is answered out of the cache, and its Run says so; another model is asked."""
    write_suite(
        pytester, task(more="      interceptors: [response_stats, {name: caching, config: {cache_dir: cache}}]\n")
    )
    with serving(right_up_to(7)) as fake:
        for model, asked in (("a", 10), ("a", 10), ("b", 20)):
            result = pytester.runpytest_subprocess(f"--model-url={fake.url}", f"--model-id={model}")
            result.assert_outcomes(passed=1)
            assert len(fake.requests) == asked
    reports = [read_run(folder).record.interceptor_reports for folder in runs(pytester)]
    hits = sorted(str(report["caching"]["hits"]) for report in reports)
    assert hits == ["0", "0", "10"]
    assert all(report["response_stats"] for report in reports)


def test_an_interceptor_that_is_put_behind_a_cache_acts(pytester: pytest.Pytester) -> None:
    """The cache is full of answers that it has not seen."""
    cache = "{name: caching, config: {cache_dir: cache}}"
    with serving(lambda question: f"<think>0</think>{right_up_to(7)(question)}") as fake:
        write_suite(pytester, task(), head=head(fake.url, f"{{interceptors: [{cache}]}}"))
        pytester.runpytest_subprocess().assert_outcomes(passed=1)
        pytester.runpytest_subprocess("--interceptor=reasoning").assert_outcomes(passed=1)
    thinking = sorted(
        any("<think>" in result.reply for result in read_run(folder).results) for folder in runs(pytester)
    )
    assert thinking == [False, True]


def test_a_second_run_asks_the_model_and_no_cache(pytester: pytest.Pytester) -> None:
    """Else it would find no noise, whatever the model does."""
    cache = "{name: caching, config: {cache_dir: cache}}"
    seen: dict[str, int] = {}

    def answer(question: str) -> Reply | str:
        seen[question] = seen.get(question, 0) + 1
        return right_up_to(10 if seen[question] == 1 else 0)(question)

    with serving(answer) as fake:
        write_suite(pytester, task(), head=head(fake.url, f"{{interceptors: [{cache}]}}"))
        result = pytester.runpytest_subprocess("--eval-aa")
    result.stdout.fnmatch_lines(["*a second run changed 10 of 10 questions and the score by -1.0000*"])


def test_one_that_cannot_be_closed_keeps_no_other_open(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    (pytester.path / "conftest.py").write_text(
        """
import pytest
from pathlib import Path

class Open:
    def __init__(self, broken):
        self.broken = broken

    async def __call__(self, request, call_next):
        return await call_next(request)

    def close(self):
        if self.broken:
            raise OSError("disk is full")
        Path("closed").touch()

@pytest.fixture
def interceptors():
    return [Open(True), Open(False)]
"""
    )
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the interceptor Open could not be closed: OSError('disk is full')*"])
    assert (pytester.path / "closed").exists()


def test_what_is_not_enabled_is_not_there(pytester: pytest.Pytester) -> None:
    entry = "{name: system_message, enabled: false, config: {system_message: x}}"
    with serving(right_up_to(7)) as fake:
        write_suite(pytester, task(), head=head(fake.url, f"{{interceptors: [{entry}]}}"))
        pytester.runpytest_subprocess().assert_outcomes(passed=1)
    assert systems(fake) == []


def test_those_of_a_third_party(pytester: pytest.Pytester) -> None:
    """An installed distribution names them by entry point."""
    folder = pytester.path / "third"
    (folder / "third-1.dist-info").mkdir(parents=True)
    (folder / "third.py").write_text(LOUD)
    (folder / "third-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: third\nVersion: 1\n")
    points = "[pytest_nemo_eval.interceptors]\nloud = third:Loud\n"
    (folder / "third-1.dist-info" / "entry_points.txt").write_text(points)
    write_suite(pytester, task(more="      interceptors: [{name: loud, config: {word: HEY}}]\n"))
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    result.assert_outcomes(passed=1)
    assert systems(fake) == ["HEY"]
