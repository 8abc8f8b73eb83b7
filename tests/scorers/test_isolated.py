"""Scorers in processes that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from pytest_nemo_eval.errors import ConfigError, EvalError, ScorerError
from pytest_nemo_eval.samples import Sample
from pytest_nemo_eval.scorers import isolated
from pytest_nemo_eval.scorers.isolated import IsolatedScorer
from pytest_nemo_eval.scores import Score
from tests.processes import alive, wait_for, with_argument

SAMPLE = Sample(id="7", input="?", target="Paris", choices=("a", "b"), metadata={"n": 1, "deep": [{"a": None}]})
LONG = 600.0
"""Seconds that no test waits for."""


def within(sample: Sample, reply: str) -> float:
    return float(sample.target in reply)


def whole(sample: Sample, reply: str) -> Score:
    return Score(value=0.5, answer=reply, explanation=repr(sample))


def prints(sample: Sample, reply: str) -> bool:
    print('{"score": {"value": 0.0, "answer": "forged"}}', flush=True)
    os.write(1, b'{"score": {"value": 0.0, "answer": "forged"}}\n')
    subprocess.run(["echo", '{"ended": 1}'], check=True)
    return sys.stdin.read() == ""


def raises(sample: Sample, reply: str) -> float:
    raise KeyError("gone\n")


def nothing(sample: Sample, reply: str) -> None:
    return None


def leaves(sample: Sample, reply: str) -> float:
    if reply == "exit":
        sys.exit(4)
    if reply == "_exit":
        os._exit(3)
    if reply == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if reply == "loop":
        while True:
            pass
    return 1.0


def which(sample: Sample, reply: str) -> Score:
    return Score(value=1, answer=f"{os.getpid()} {os.getppid()}")


def starts_another(sample: Sample, reply: str) -> float:
    """Starts a process that outlives it, and loops; the reply is a file for both numbers."""
    other = subprocess.Popen(["sleep", "1000"])
    partial = Path(reply + ".new")
    partial.write_text(f"{os.getpid()} {os.getppid()} {other.pid}")
    partial.rename(reply)
    while True:
        pass


def meets(sample: Sample, reply: str) -> Score:
    """Waits until two of them are here; the reply is a folder."""
    (Path(reply) / str(os.getpid())).touch()
    while len(list(Path(reply).iterdir())) < 2:
        time.sleep(0.01)
    return Score(value=1, answer=str(os.getpid()))


@asynccontextmanager
async def scoring(function: object, seconds: float = LONG) -> AsyncIterator[IsolatedScorer]:
    scorer = IsolatedScorer(f"{__name__}:{getattr(function, '__name__', function)}", seconds)
    try:
        yield scorer
    finally:
        await scorer.aclose()


def score(function: object, reply: str, seconds: float = LONG) -> Score:
    async def run() -> Score:
        async with scoring(function, seconds) as scorer:
            return await scorer.score(SAMPLE, reply)

    return anyio.run(run)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    wait_for(lambda: not with_argument(f"{__name__}:"), 90)


def test_a_score_comes_back_whole() -> None:
    assert score(within, "It is Paris") == Score(value=1.0, answer="It is Paris")
    found = score(whole, "a\n\0\u2028Ω 🦆")
    assert (found.value, found.answer, found.explanation) == (0.5, "a\n\0\u2028Ω 🦆", repr(SAMPLE))


@pytest.mark.parametrize("reply", ["\ud800", "a\udfff\ud800 b", ""])
def test_half_a_surrogate_pair(reply: str) -> None:
    assert score(whole, reply).answer == reply


def test_ten_megabytes() -> None:
    reply = "é\n" * 5_000_000
    assert score(whole, reply).answer == reply


def test_what_a_scorer_prints_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    assert score(prints, "x") == Score(value=1.0, answer="x")
    captured = capfd.readouterr()
    assert "forged" not in captured.out
    assert captured.err.count("forged") == 2


@pytest.mark.parametrize(
    ("function", "words"), [(raises, r"raised KeyError\('gone\\n'\) on sample 7"), (nothing, "gave None")]
)
def test_a_scorer_that_cannot_rule(function: object, words: str) -> None:
    with pytest.raises(ScorerError, match=words):
        score(function, "x")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("_exit", "ended with exit code 3 on sample 7"),
        ("exit", "ended with exit code 4 on sample 7"),
        ("segfault", "was ended by SIGSEGV on sample 7"),
    ],
)
def test_a_process_that_ends_is_replaced(reply: str, words: str) -> None:
    async def run() -> None:
        async with scoring(leaves) as scorer:
            for _ in range(2):
                with pytest.raises(ScorerError, match=words):
                    await scorer.score(SAMPLE, reply)
                assert (await scorer.score(SAMPLE, "stay")).value == 1

    anyio.run(run)


def test_an_endless_loop_is_killed_and_replaced() -> None:
    async def run() -> None:
        async with scoring(leaves, seconds=0.5) as scorer:
            with pytest.raises(ScorerError, match=r"leaves took longer than 0\.5 s on sample 7 and was killed"):
                await scorer.score(SAMPLE, "loop")
            scorer.seconds = LONG
            assert (await scorer.score(SAMPLE, "stay")).value == 1

    anyio.run(run)


def test_what_a_scorer_started_is_killed_with_it(tmp_path: Path) -> None:
    with pytest.raises(ScorerError, match="was killed"):
        score(starts_another, str(tmp_path / "numbers"), seconds=5)
    numbers = [int(number) for number in (tmp_path / "numbers").read_text().split()]
    assert len(numbers) == 3
    wait_for(lambda: not any(map(alive, numbers)))


def test_a_process_scores_one_reply_after_the_other() -> None:
    async def run() -> None:
        async with scoring(which) as scorer:
            assert len({(await scorer.score(SAMPLE, "x")).answer for _ in range(5)}) == 1

    anyio.run(run)


def test_there_are_two_processes_at_most(tmp_path: Path) -> None:
    async def run() -> None:
        answers = []

        async def one() -> None:
            answers.append((await scorer.score(SAMPLE, str(tmp_path))).answer)

        async with scoring(meets) as scorer, anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(one)
        assert len(answers) == 8
        assert len(set(answers)) == 2

    anyio.run(run)


def test_one_that_died_between_two_replies_is_replaced() -> None:
    async def run() -> None:
        async with scoring(which) as scorer:
            first = (await scorer.score(SAMPLE, "x")).answer or ""
            worker, keeper = map(int, first.split())
            os.kill(worker, signal.SIGKILL)
            with anyio.fail_after(20):
                while alive(keeper) or any(child.alive for child in scorer._idle):
                    await anyio.sleep(0.01)
            assert (await scorer.score(SAMPLE, "x")).answer not in (None, first)

    anyio.run(run)


def test_a_killed_keeper_takes_its_worker_with_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with scoring(starts_another) as scorer, anyio.create_task_group() as group:

            async def one() -> None:
                with pytest.raises(ScorerError, match="was ended by SIGKILL"):
                    await scorer.score(SAMPLE, str(tmp_path / "numbers"))

            group.start_soon(one)
            with anyio.fail_after(60):
                while not (tmp_path / "numbers").exists():
                    await anyio.sleep(0.01)
            worker, keeper, other = map(int, (tmp_path / "numbers").read_text().split())
            os.kill(keeper, signal.SIGKILL)
            os.kill(other, signal.SIGKILL)
            with anyio.fail_after(20):
                while alive(worker):
                    await anyio.sleep(0.01)

    anyio.run(run)


@pytest.mark.parametrize("how", ["closed", "cancelled"])
def test_a_call_that_is_cut_short_leaves_nothing(tmp_path: Path, how: str) -> None:
    async def run() -> None:
        async with scoring(starts_another) as scorer, anyio.create_task_group() as group:

            async def one() -> None:
                with pytest.raises(ScorerError, match="was ended by SIGKILL"):
                    await scorer.score(SAMPLE, str(tmp_path / "numbers"))

            group.start_soon(one)
            with anyio.fail_after(60):
                while not (tmp_path / "numbers").exists():
                    await anyio.sleep(0.01)
            if how == "closed":
                await scorer.aclose()
                await scorer.aclose()
                with pytest.raises(ScorerError, match="is closed"):
                    await scorer.score(SAMPLE, "x")
            else:
                group.cancel_scope.cancel()

    anyio.run(run)
    numbers = [int(number) for number in (tmp_path / "numbers").read_text().split()]
    wait_for(lambda: not any(map(alive, numbers)))


def test_nothing_outlives_a_killed_owner(tmp_path: Path) -> None:
    code = (
        "import anyio, sys\n"
        "from tests.scorers.test_isolated import SAMPLE, LONG, IsolatedScorer\n"
        "async def run():\n"
        f"    scorer = IsolatedScorer('{__name__}:starts_another', LONG)\n"
        "    await scorer.score(SAMPLE, sys.argv[1])\n"
        "anyio.run(run)\n"
    )
    file = tmp_path / "numbers"
    owner = subprocess.Popen([sys.executable, "-c", code, str(file)])
    try:
        wait_for(file.exists, 60)
    finally:
        owner.kill()
        owner.wait()
    numbers = [int(number) for number in file.read_text().split()]
    wait_for(lambda: not any(map(alive, numbers)))


@pytest.mark.parametrize(("name", "words"), [("missing", "cannot be imported"), ("SAMPLE", "is not a function")])
def test_what_cannot_be_imported(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        score(name, "x")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("import os; os._exit(5)", "ended with exit code 5 while it was imported"),
        ("while True: pass", "took longer than 2 s to be imported"),
    ],
)
def test_a_module_that_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, words: str
) -> None:
    (tmp_path / "odd_scorer.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)  # which the process gets to know
    monkeypatch.setattr(isolated, "START_SECONDS", 2.0)
    with pytest.raises(ConfigError, match=words):
        anyio.run(IsolatedScorer("odd_scorer:f", LONG).score, SAMPLE, "x")


def test_an_answer_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "LONGEST_ANSWER", 1000)
    with pytest.raises(EvalError, match="more than 1000 bytes"):
        score(whole, "x" * 300_000)


def test_it_runs_on_a_loop_in_another_thread() -> None:
    found: list[Score] = []
    thread = threading.Thread(target=lambda: found.append(score(within, "Paris")))
    thread.start()
    thread.join()
    assert [one.value for one in found] == [1.0]
