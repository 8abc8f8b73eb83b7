"""What is sent ahead of its item, and what must not be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_nemo_eval import read_run
from tests.fake_endpoint import Body, question_of, serving
from tests.plugin.modes import MODES
from tests.plugin.suites import right_up_to, runs, task, write_suite, write_sums
from tests.processes import wait_for

pytestmark = pytest.mark.once

LIMIT_SECONDS = 20.0
"""How long the fake holds an answer back before it gives up waiting for what should come."""
PATIENCE_SECONDS = 1.5
"""The same for what should not come: it would be there at once."""
PYTHON = """
    def test_second(run_benchmark):
        run_benchmark("second", dataset="sums.jsonl", prompt="second: {question}", scorer="includes")
"""


def named(name: str, more: str = "") -> str:
    """A task whose questions say whose they are."""
    return task(name, gate=0.9, more=more).replace("What is", f"{name}:")


def name_of(body: Body) -> str:
    return question_of(body).partition(":")[0]


class Held:
    """Answers; but the last answer of ``holding`` waits until somebody else has asked something."""

    def __init__(self, holding: str = "first", seconds: float = LIMIT_SECONDS) -> None:
        self.holding = holding
        self.seconds = seconds
        self.other = threading.Event()
        self.others_came: bool | None = None
        self._done: list[str] = []

    def __call__(self, question: str) -> str:
        name = question.partition(":")[0]
        if name != self.holding and self.holding in self._done:
            self.other.set()
        self._done.append(name)
        if name == self.holding and "9+9" in question:
            self.others_came = self.other.wait(self.seconds)
        return str(right_up_to(10)(question))


def write_second(pytester: pytest.Pytester, conftest: str = "", head: str = "") -> None:
    """A second suite in a folder of its own, after ``eval_it.yaml``."""
    folder = pytester.path / "later"
    folder.mkdir()
    write_sums(folder)
    (folder / "eval_second.yaml").write_text(f"{head}evaluation:\n  tasks:\n{named('second')}")
    if conftest:
        lines = conftest.splitlines(keepends=True)
        (folder / "conftest.py").write_text("import pytest\n" + "".join(line[4:] or "\n" for line in lines))


@pytest.mark.parametrize("mode", [(), ("-n", "1")], ids=["serial", "n1"])
def test_the_next_items_are_asked_while_one_waits_for_its_last_answer(
    pytester: pytest.Pytester, mode: tuple[str, ...]
) -> None:
    held = Held()
    write_suite(pytester, named("first"), named("second"), named("third"))
    with serving(held) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "-v", *mode)
    result.assert_outcomes(passed=3)
    assert held.others_came
    assert len(fake.requests) == 30
    ends = [line for line in result.outlines if "PASSED" in line]
    assert [name for line in ends for name in ("first", "second", "third") if name in line] == [
        "first",
        "second",
        "third",
    ]
    assert [read_run(folder).record.status for folder in runs(pytester)] == ["finished"] * 3


def test_several_are_asked_ahead_and_a_suite_in_another_folder_too(pytester: pytest.Pytester) -> None:
    held = Held()
    write_suite(pytester, named("first"))
    write_second(pytester)
    with serving(held) as fake:
        pytester.runpytest_subprocess(f"--model-url={fake.url}").assert_outcomes(passed=2)
    assert held.others_came


def python_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PYTHON)


def skip_mark(pytester: pytest.Pytester) -> None:
    write_second(pytester)
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            items[-1].add_marker(pytest.mark.skip)
        """
    )


CONFTESTS = {
    "interceptors": """
    @pytest.fixture
    def interceptors():
        return []
    """,
    "interceptors by another name": """
    @pytest.fixture(name="interceptors")
    def chain():
        return []
    """,
    "a backend": """
    @pytest.fixture(scope="session")
    def eval_backend(eval_backend):
        return eval_backend
    """,
    "an autouse fixture": """
    @pytest.fixture(autouse=True)
    def theirs():
        yield
    """,
    "a hook": """
    def pytest_runtest_setup(item):
        if item.get_closest_marker("nightly"):
            pytest.skip("not tonight")
    """,
    "parameters": """
    def pytest_generate_tests(metafunc):
        metafunc.parametrize("interceptors", [[]])
    """,
}


def with_conftest(name: str) -> Callable[[pytest.Pytester], None]:
    return lambda pytester: write_second(pytester, CONFTESTS[name])


def another_model(pytester: pytest.Pytester) -> None:
    first = (pytester.path / "eval_it.yaml").read_text()
    head = first[: first.index("evaluation:")]
    write_second(pytester, head=head.replace("model_id: m", "model_id: other"))


@pytest.mark.parametrize(
    "write",
    [python_test, skip_mark, another_model, *map(with_conftest, CONFTESTS)],
    ids=["python", "skip mark", "another model", *CONFTESTS],
)
def test_is_not_asked_before_its_turn(pytester: pytest.Pytester, write: Callable[[pytest.Pytester], None]) -> None:
    held = Held(seconds=PATIENCE_SECONDS)
    with serving(held) as fake:
        head = f"target: {{api_endpoint: {{url: '{fake.url}', model_id: m}}}}\n"
        options = [] if write is another_model else [f"--model-url={fake.url}"]
        write_suite(pytester, named("first"), head=head)
        write(pytester)
        result = pytester.runpytest_subprocess(*options)
    assert result.ret == 0, result.stdout.str()
    assert held.others_came is False
    assert [name_of(body) for body in fake.requests] == ["first"] * 10 + ["second"] * (0 if write is skip_mark else 10)


def test_each_is_asked_of_its_own_model_where_one_url_serves_several(pytester: pytest.Pytester) -> None:
    held = Held(holding="second", seconds=PATIENCE_SECONDS)
    with serving(held) as fake:
        for place, (name, model) in enumerate([("first", "m1"), ("second", "m2"), ("third", "m1")]):
            head = f"target: {{api_endpoint: {{url: '{fake.url}', model_id: {model}}}}}\n"
            write_suite(pytester, named(name), name=f"eval_{place}.yaml", head=head)
        pytester.runpytest_subprocess().assert_outcomes(passed=3)
    asked = {(name_of(body), body["model"]) for body in fake.requests}
    assert asked == {("first", "m1"), ("second", "m2"), ("third", "m1")}


def lines_of(pytester: pytest.Pytester, name: str) -> int:
    paths: list[Path] = list(pytester.path.glob(f"eval-runs/*/eval_it.yaml_{name}/results.jsonl"))
    return sum(path.read_bytes().count(b"\n") for path in paths)


def test_what_was_sent_ahead_is_cancelled_by_x(pytester: pytest.Pytester) -> None:
    """``first`` fails once three answers of ``second`` are there; no other answer ever comes."""
    write_suite(pytester, named("first"), named("second"), named("third"))
    over = threading.Event()

    def answer(question: str) -> str:
        name, n = question.partition(":")[0], int(question.partition("+")[2].rstrip("?"))
        if name == "first" and n == 9:
            wait_for(lambda: lines_of(pytester, "second") == 3 and "third" in map(name_of, fake.requests))
        elif name == "third" or (name == "second" and n >= 3):
            over.wait(60)
        return str(right_up_to(5 if name == "first" else 10)(question))

    with serving(answer) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "-x", "-rA", timeout=40)
        over.set()
    assert result.ret == 1
    result.assert_outcomes(failed=1)
    said = [line.strip() for line in result.outlines if "second" in line]
    assert len(said) == 2  # that it is partial, and where it is
    assert said[0].startswith("eval_it.yaml::second: partial, 3 of 10 samples are finished and nothing was judged")
    assert [folder.name for folder in runs(pytester)] == ["eval_it.yaml_first", "eval_it.yaml_second"]
    cancelled = read_run(runs(pytester)[1])
    assert (cancelled.record.status, len(cancelled.results)) == ("interrupted", 3)
    assert not list(pytester.path.glob("eval-runs/*/*third*"))


def test_answers_that_were_sent_ahead_are_not_asked_for_again(pytester: pytest.Pytester) -> None:
    write_suite(pytester, named("first"), named("second"))

    def answer(question: str) -> str:
        if question.startswith("first") and "9+9" in question:
            wait_for(lambda: lines_of(pytester, "second") >= 10)
        return str(right_up_to(5 if question.startswith("first") and len(fake.requests) <= 20 else 10)(question))

    with serving(answer) as fake:
        assert pytester.runpytest_subprocess(f"--model-url={fake.url}", "-x").ret == 1
        assert len(fake.requests) == 20
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    assert result.ret == 0, result.stdout.str()
    assert len(fake.requests) == 30
    result.stdout.fnmatch_lines(["*10 answers are of earlier Runs: *eval_it.yaml_second*"])


def test_an_item_that_is_skipped_at_the_last_moment_leaves_its_place(pytester: pytest.Pytester) -> None:
    """No conftest's hook, but a plugin object's: nobody could know. What came in until then is kept."""
    held = Held()
    write_suite(pytester, named("first"), named("second"), named("third"))
    pytester.makeconftest(
        """
        import pytest

        class Skipper:
            def pytest_runtest_setup(self, item):
                if item.name == "second":
                    pytest.skip("not now")

        def pytest_configure(config):
            config.pluginmanager.register(Skipper())
        """
    )
    with serving(held) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    result.assert_outcomes(passed=2, skipped=1)
    assert held.others_came
    found = {folder.name: read_run(folder).record for folder in runs(pytester)}
    assert found.pop("eval_it.yaml_second").error == "sent ahead; its item was not run"
    assert [record.status for record in found.values()] == ["finished", "finished"]


class Crowd:
    """Counts how many are being answered at a time."""

    def __init__(self) -> None:
        self.most = self._now = 0
        self._lock = threading.Lock()

    def __call__(self, question: str) -> str:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.01)  # what a model takes
        with self._lock:
            self._now -= 1
        return str(right_up_to(10)(question))


@MODES
def test_all_together_stay_within_the_limit(pytester: pytest.Pytester, mode: tuple[str, ...]) -> None:
    crowd = Crowd()
    write_suite(pytester, *map(named, ("first", "second", "third", "fourth", "fifth")))
    with serving(crowd) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "--eval-concurrency=3", *mode)
    result.assert_outcomes(passed=5)
    assert crowd.most <= 3
    assert len(fake.requests) == 50
