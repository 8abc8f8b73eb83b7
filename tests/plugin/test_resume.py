"""What was answered is not asked again; what could be answered otherwise is."""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_nemo_eval import Run, read_run
from pytest_nemo_eval.runs.journal import JOURNAL, read_entries
from tests.fake_endpoint import FakeEndpoint, Reply, serving
from tests.plugin.suites import SUM, right_up_to, runs, task, write_suite, write_sums
from tests.processes import Background, wait_for
from tests.servers import write_vllm

KILLS = 5
SAMPLES = 120


@pytest.fixture(autouse=True)
def importable(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules beside a suite; pytest 8.0 takes no ``-o pythonpath`` without an ini-file."""
    folders = (str(pytester.path), str(pytester.path / "third"), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folder for folder in folders if folder))


def number(question: str) -> int:
    found = SUM.search(question)
    assert found
    return int(found[1])


def asked(fake: FakeEndpoint, start: int = 0) -> list[int]:
    """The numbers of the sums that were asked for, from the request number ``start`` on."""
    return [number(request["messages"][-1]["content"]) for request in fake.requests[start:]]


def answered(folder: Path) -> set[int]:
    """The numbers of the sums that stand in any journal."""
    paths = folder.glob(f"eval-runs/*/*/{JOURNAL}")
    return {int(entry.sample_id.removeprefix("sum-")) for path in paths for _, entry in read_entries(path)}


def last_run(pytester: pytest.Pytester) -> Run:
    return max(map(read_run, runs(pytester)), key=lambda run: run.folder.stat().st_mtime_ns)


def session(pytester: pytest.Pytester, fake: FakeEndpoint, *options: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess(f"--model-url={fake.url}", *options)


def failing_once(number_of: int, broken: Reply) -> Callable[[str], Reply | str]:
    """Right about everything, but for one sum at the first time."""
    left = [broken]

    def answer(question: str) -> Reply | str:
        return left.pop() if left and number(question) == number_of else right_up_to(SAMPLES)(question)

    return answer


def all_released(folder: Path) -> bool:
    """Whether nobody writes to a journal any more: workers outlive a killed controller by a moment."""
    for path in folder.glob(f"eval-runs/*/*/{JOURNAL}"):
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
    return True


@pytest.mark.once
@pytest.mark.parametrize(("turn", "mode"), [(1, ()), (2, ()), (3, ()), (4, ()), (5, ("-n", "2"))])
def test_kill_9_at_random_moments(
    pytester: pytest.Pytester, background: Background, turn: int, mode: tuple[str, ...]
) -> None:
    """Five kills in a row, and then a session to the end."""
    write_suite(pytester, task())
    write_sums(pytester.path, SAMPLES)
    pause, open_again = threading.Event(), threading.Event()
    open_again.set()

    def slow(question: str) -> Reply | str:
        pause.wait(0.01)
        open_again.wait(30)  # what is left of a killed session shall not come to its end
        return right_up_to(70)(question)

    with serving(slow) as fake:
        command = [sys.executable, "-m", "pytest", f"--model-url={fake.url}", "--eval-concurrency=4", *mode]
        finished: set[int] = set()
        for _ in range(KILLS):
            start = len(fake.requests)
            process = background(command, cwd=pytester.path, stdout=subprocess.DEVNULL)
            moment = start + random.randrange(SAMPLES // KILLS)
            wait_for(lambda: len(fake.requests) > moment or process.poll() is not None, 60)  # noqa: B023
            open_again.clear()
            process.kill()
            process.wait()
            wait_for(lambda: all_released(pytester.path))
            open_again.set()
            assert finished.isdisjoint(asked(fake, start))
            finished = answered(pytester.path)
        start = len(fake.requests)
        pause.set()
        result = session(pytester, fake, *mode)
        wait_for(lambda: finished | set(asked(fake, start)) == set(range(SAMPLES)))
    result.assert_outcomes(passed=1)
    assert finished.isdisjoint(asked(fake, start))
    run = last_run(pytester)
    assert sorted((one.sample_id, one.score is not None and one.score.value) for one in run.results) == sorted(
        (f"sum-{n}", float(n < 70)) for n in range(SAMPLES)
    )
    assert run.record.benchmark.scores["accuracy"].value == pytest.approx(70 / SAMPLES)
    assert run.record.counts.scored == SAMPLES
    if finished:
        assert run.record.resumed_answers == len(finished)
        result.stdout.fnmatch_lines([f"*{len(finished)} answers are of earlier Runs: *eval_it.yaml_sums*"])


def test_a_finished_run_is_measured_again(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    with serving(right_up_to(7)) as fake:
        for times in (1, 2):
            assert session(pytester, fake).ret == 0
            assert sorted(asked(fake)) == sorted([*range(10)] * times)
        result = session(pytester, fake, "--eval-reuse")
    assert len(fake.requests) == 20
    result.stdout.fnmatch_lines(["*10 answers are of earlier Runs: *"])
    assert last_run(pytester).record.resumed_answers == 10


@pytest.mark.once
def test_what_was_resumed_is_not_resumed_again(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    with serving(failing_once(3, Reply(status=400))) as fake:
        assert session(pytester, fake).ret == 7
        assert session(pytester, fake).ret == 0
        assert asked(fake, 10) == [3]
        assert session(pytester, fake).ret == 0
    assert sorted(asked(fake, 11)) == [*range(10)]
    assert last_run(pytester).record.resumed == ()


CHANGES = {
    "prompt": ("What is {question}?", "What, then, is {question}?"),
    "temperature": ("scorer:", "params: {temperature: 0.5}\n      scorer:"),
    "tokens": ("scorer:", "params: {max_new_tokens: 7}\n      scorer:"),
    "question": None,
    "model": None,
    "interceptor": None,
}


@pytest.mark.once
@pytest.mark.parametrize("change", CHANGES)
def test_what_could_be_answered_otherwise_is_asked(pytester: pytest.Pytester, change: str) -> None:
    suite = write_suite(pytester, task())
    options = ["--model-id=m"]
    with serving(failing_once(3, Reply(status=400))) as fake:
        assert session(pytester, fake, *options).ret == 7
        if pair := CHANGES[change]:
            suite.write_text(suite.read_text().replace(*pair))
        elif change == "question":
            data = pytester.path / "sums.jsonl"
            data.write_text(data.read_text().replace('"question": "', '"question": "1*'))
        elif change == "model":
            options = ["--model-id=other"]
        else:
            pytester.makeconftest(
                """
                import pytest
                from pytest_nemo_eval import Message

                async def brief(request, call_next):
                    return await call_next(request.replace(messages=(Message("system", "Brief!"), *request.messages)))

                @pytest.fixture
                def interceptors():
                    return [brief]
                """
            )
        assert session(pytester, fake, *options).ret == 0
    assert sorted(asked(fake, 10)) == [*range(10)]


def test_a_scorer_that_crashes_costs_no_answer(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task().replace("scorer: includes", "scorer: mine:judge"))
    scorer = pytester.path / "mine.py"
    scorer.write_text("def judge(sample, reply):\n    raise ValueError('kaputt')\n")
    options = ("-p", "no:cacheprovider")
    with serving(right_up_to(7)) as fake:
        assert session(pytester, fake, *options).ret == 7
        scorer.write_text("def judge(sample, reply):\n    return float(sample.target in reply)\n")
        assert session(pytester, fake, *options).ret == 0
    assert len(fake.requests) == 10
    assert last_run(pytester).record.benchmark.scores["accuracy"].value == pytest.approx(0.7)


def test_interceptors_see_what_was_resumed(pytester: pytest.Pytester) -> None:
    """They stand outside of the journal: what they make of an answer is made again."""
    write_suite(pytester, task())
    conftest = """
        import pytest

        async def change(request, call_next):
            response = await call_next(request)
            return response.replace(text=response.text{0})

        @pytest.fixture
        def interceptors():
            return [change]
        """
    with serving(failing_once(3, Reply(status=400))) as fake:
        pytester.makeconftest(conftest.format(""))
        assert session(pytester, fake).ret == 7
        pytester.makeconftest(conftest.format(".replace('It', 'That')"))
        assert session(pytester, fake).ret == 0
    assert len(fake.requests) == 11
    assert {one.reply.partition(" ")[0] for one in last_run(pytester).results} == {"That"}


@pytest.mark.once
def test_a_run_that_another_pytest_writes_is_left_alone(pytester: pytest.Pytester, background: Background) -> None:
    write_suite(pytester, task())
    held, first = threading.Event(), threading.Event()

    def answer(question: str) -> Reply | str:
        if number(question) == 9 and not first.is_set():
            first.set()
            held.wait(60)
        return right_up_to(7)(question)

    with serving(answer) as fake:
        command = [sys.executable, "-m", "pytest", f"--model-url={fake.url}"]
        process = background(command, cwd=pytester.path, stdout=subprocess.DEVNULL)
        assert first.wait(60)
        wait_for(lambda: len(answered(pytester.path)) == 9)
        result = session(pytester, fake)
        held.set()
        assert process.wait(60) == 0
    assert result.ret == 0
    assert sorted(asked(fake)) == sorted([*range(10)] * 2)
    assert {run.record.status.value for run in map(read_run, runs(pytester))} == {"finished"}


@pytest.mark.once
def test_what_another_models_run_could_not_use_is_still_there(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    with serving(failing_once(3, Reply(status=400))) as fake:
        assert session(pytester, fake, "--model-id=a").ret == 7
        assert session(pytester, fake, "--model-id=b").ret == 0
        assert (last_run(pytester).record.resumed, last_run(pytester).record.resumed_answers) == ((), 0)
        start = len(fake.requests)
        assert session(pytester, fake, "--model-id=a").ret == 0
    assert asked(fake, start) == [3]


@pytest.mark.once
@pytest.mark.parametrize("changed", [False, True])
def test_a_checkpoint_that_was_trained_further_is_asked(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    """Its weights have the size and the shapes that they had."""
    monkeypatch.setenv("PATH", f"{write_vllm(pytester.path / 'bin')}{os.pathsep}{os.environ['PATH']}")
    write_suite(pytester, task().replace("scorer: includes", "scorer: mine:judge"))
    weights = pytester.path / "model" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(bytes(1000))
    scorer = pytester.path / "mine.py"
    scorer.write_text("def judge(sample, reply):\n    raise ValueError('kaputt')\n")
    options = ("--model-path=model", "-p", "no:cacheprovider")
    assert pytester.runpytest_subprocess(*options).ret == 7
    scorer.write_text("def judge(sample, reply):\n    return float(sample.target in reply)\n")
    if changed:
        weights.write_bytes(bytes(992) + b"trained!")
    assert pytester.runpytest_subprocess(*options).ret == 0
    assert last_run(pytester).record.resumed_answers == (0 if changed else 10)
