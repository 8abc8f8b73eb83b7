"""Deadlines, signals, full disks: what is cut short is partial, kept, and never passed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_nemo_eval import read_run
from pytest_nemo_eval.runs import RunStatus
from tests.fake_endpoint import Reply, serving
from tests.plugin.modes import MODES
from tests.plugin.suites import right_up_to, runs, task, write_suite, write_sums
from tests.plugin.test_resume import all_released, answered, asked
from tests.processes import Background, wait_for

pytestmark = pytest.mark.once


class Gate:
    """Answers the first few requests, and holds the others back until it is opened."""

    def __init__(self, first: int) -> None:
        self.open = threading.Event()
        self._left = first
        self._lock = threading.Lock()

    def __call__(self, question: str) -> Reply | str:
        with self._lock:
            self._left -= 1
            held = self._left < 0
        if held:
            self.open.wait(60)
        return right_up_to(1000)(question)


@MODES
def test_a_deadline_leaves_a_partial_run_that_never_passes(pytester: pytest.Pytester, mode: tuple[str, ...]) -> None:
    write_suite(pytester, task(gate=0.1), task("ungated"))
    write_sums(pytester.path, 40)
    gate = Gate(30)
    with serving(gate) as fake:
        options = (f"--model-url={fake.url}", "--eval-concurrency=4", "--eval-deadline=3", *mode)
        result = pytester.runpytest_subprocess(*options)
        gate.open.set()
    assert result.ret in (6, 7)
    assert result.parseoutcomes().get("passed", 0) == 0
    partial = [run for run in map(read_run, runs(pytester)) if run.record.status is RunStatus.PARTIAL]
    assert partial
    for run in partial:
        assert 0 < run.record.counts.scored < 40
        assert {one.verdict for one in run.record.gates} <= {"inconclusive"}
    result.stdout.fnmatch_lines(["*the deadline was over after * of 40 samples*"])


def test_a_deadline_measures_the_beginning_of_the_seeded_order_alone(pytester: pytest.Pytester) -> None:
    """The third that is asked never answers: the two before it count, the many behind it do not."""
    write_suite(pytester, task(more="      deadline: 3\n"))
    write_sums(pytester.path, 12)
    never = threading.Event()
    order: list[str] = []
    lock = threading.Lock()

    def answer(question: str) -> Reply | str:
        with lock:
            order.append(question)
            third = len(order) == 3
        if third:
            never.wait(30)
        return right_up_to(1000)(question)

    with serving(answer) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "--eval-concurrency=2")
    assert result.ret == 6
    (run,) = map(read_run, runs(pytester))
    scored = run.record.counts.scored
    assert 1 <= scored <= 3  # two are on their way at a time, and may arrive in either order
    assert (run.record.status, len(run.results)) == (RunStatus.PARTIAL, 11)
    words = f"first {scored} in the order of asking ({11 - scored} that overtook others are left out)"
    result.stdout.fnmatch_lines([f"*measured are the {words}*"])
    assert asked(fake) != sorted(asked(fake))
    order.clear()
    with serving(answer) as again:
        pytester.runpytest_subprocess(f"--model-url={again.url}", "--eval-concurrency=1")
        never.set()
    assert asked(fake)[0] in asked(again)
    assert len(asked(again)) == 3


def test_a_partial_run_is_gone_on_with(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    write_sums(pytester.path, 20)
    gate = Gate(12)
    with serving(gate) as fake:
        options = (f"--model-url={fake.url}", "--eval-concurrency=2")
        assert pytester.runpytest_subprocess(*options, "--eval-deadline=3").ret == 6
        gate.open.set()
        done = answered(pytester.path)
        start = len(fake.requests)
        assert pytester.runpytest_subprocess(*options).ret == 0
    assert len(done) == 12
    assert sorted(asked(fake, start)) == sorted(set(range(20)) - done)


def answers(folder: Path) -> int:
    """How many stand in journals."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("eval-runs/*/*/journal.jsonl"))


def interrupted(pytester: pytest.Pytester, background: Background, number: int, mode: tuple[str, ...]) -> str:
    """A session that gets a signal in mid-run; what it said. Fails where it is not gone within the bound."""
    write_suite(pytester, task(gate=0.1), task("later"))
    write_sums(pytester.path, 30)
    gate = Gate(10)
    with serving(gate) as fake, (pytester.path / "out.txt").open("wb") as output:
        command = [sys.executable, "-m", "pytest", f"--model-url={fake.url}", "--eval-concurrency=4", *mode]
        process = background(command, cwd=pytester.path, stdout=output)
        wait_for(lambda: answers(pytester.path) == 10, 60)
        process.send_signal(number)
        process.wait(20)  # perf/interrupt.py holds it to the bounds
        wait_for(lambda: all_released(pytester.path))
        gate.open.set()
    assert process.returncode == 2
    return (pytester.path / "out.txt").read_text()


@MODES
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm(
    pytester: pytest.Pytester, background: Background, number: signal.Signals, mode: tuple[str, ...]
) -> None:
    said = interrupted(pytester, background, number, mode)
    assert answers(pytester.path) == 10
    assert " passed" not in said
    assert "partial, " in said
    assert "of 30 samples are finished and nothing was judged" in said
    assert "verdict: NO VERDICT" in said
    assert {read_run(folder).record.status for folder in runs(pytester)} <= {RunStatus.INTERRUPTED, RunStatus.RUNNING}


SMALL_FILES = """
    import resource

    def pytest_configure():
        resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, resource.RLIM_INFINITY))
"""


def test_a_full_disk_ends_it_with_all_that_fitted(pytester: pytest.Pytester) -> None:
    """A limit on the size of files stands in for a disk: writing fails in the same way."""
    write_suite(pytester, task())
    write_sums(pytester.path, 200)
    pytester.makeconftest(SMALL_FILES.format(bytes=20_000))
    with serving(right_up_to(1000)) as fake:
        options = (f"--model-url={fake.url}", "--eval-concurrency=2", "-p", "no:cacheprovider")
        result = pytester.runpytest_subprocess(*options)
        assert result.ret == 7
        result.stdout.fnmatch_lines(["*StorageError: *.jsonl cannot be written: File too large*"])
        (pytester.path / "conftest.py").unlink()
        done, start = answered(pytester.path), len(fake.requests)
        assert pytester.runpytest_subprocess(*options).ret == 0
    assert 10 < len(done) < 200
    assert sorted(asked(fake, start)) == sorted(set(range(200)) - done)


@pytest.mark.parametrize("make", [lambda path: path.write_text(""), lambda path: path.symlink_to("/proc/nowhere")])
def test_an_output_folder_that_cannot_be_written(pytester: pytest.Pytester, make: Callable[[Path], object]) -> None:
    write_suite(pytester, task())
    make(pytester.path / "out")
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "--eval-output=out")
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*the Run cannot be written to *--eval-output names another folder*"])
    assert fake.requests == []


def test_two_sessions_at_once_in_one_folder(pytester: pytest.Pytester, background: Background) -> None:
    write_suite(pytester, task(gate=0.6))
    with serving(right_up_to(7)) as fake:
        command = [sys.executable, "-m", "pytest", f"--model-url={fake.url}"]
        both = [background(command, cwd=pytester.path, stdout=subprocess.DEVNULL) for _ in range(2)]
        assert [process.wait(60) for process in both] == [0, 0]
    found = [read_run(folder).record for folder in runs(pytester)]
    assert [(record.status, record.counts.scored) for record in found] == [(RunStatus.FINISHED, 10)] * 2
    assert len(fake.requests) == 20
