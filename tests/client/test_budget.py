"""One budget, several processes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_nemo_eval.client.budget import SharedBudget
from pytest_nemo_eval.client.limiter import Limiter

PROGRAM = """
import sys
from pathlib import Path
from pytest_nemo_eval.client import budget as module
module.WAITING_NS = 600 * 10**9  # however slow this machine is
budget = module.SharedBudget(Path(sys.argv[1]), int(sys.argv[2]))
print("ready", flush=True)
for line in sys.stdin:
    print({"take": budget.take, "give": budget.give, "close": budget.close}[line.strip()](), flush=True)
"""

COUNT = """
import sys
from pathlib import Path
from pytest_nemo_eval.client.budget import SharedBudget
budget = SharedBudget(Path(sys.argv[1]), int(sys.argv[2]))
for _ in range(1000):
    if budget.take():
        with open(sys.argv[3], "ab", buffering=0) as log:
            log.write(b"+")
        with open(sys.argv[3], "ab", buffering=0) as log:
            log.write(b"-")
        budget.give()
"""


class Other:
    """A process of its own that takes and gives when it is told to."""

    def __init__(self, path: Path, most: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path), str(most)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def __call__(self, word: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return self._line()

    def take(self, times: int) -> int:
        """How many of so many attempts brought a place."""
        return sum(self("take") == "True" for _ in range(times))

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


class Others:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.all: list[Other] = []

    def __call__(self, most: int) -> Other:
        self.all.append(Other(self.path, most))
        return self.all[-1]


@pytest.fixture
def others(tmp_path: Path) -> Iterator[Others]:
    others = Others(tmp_path / "budget")
    yield others
    for other in others.all:
        other.end()


def test_never_more_than_the_budget(others: Others) -> None:
    one, two = others(5), others(5)
    assert one.take(3) == 3
    assert two.take(4) == 2
    assert one.take(1) == 0
    one("give")
    assert two.take(2) + one.take(2) == 1


def test_at_no_moment_more_than_the_budget(tmp_path: Path) -> None:
    log = tmp_path / "log"
    argv = [sys.executable, "-c", COUNT, str(tmp_path / "budget"), "2", str(log)]
    processes = [subprocess.Popen(argv) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    depth = most = 0
    for change in log.read_bytes():
        depth += 1 if change == ord("+") else -1
        most = max(most, depth)
    assert depth == 0
    assert 1 <= most <= 2


def test_what_a_killed_process_held_is_free_again(others: Others) -> None:
    dead, alive = others(4), others(4)
    assert dead.take(4) == 4
    assert alive.take(1) == 0
    dead.process.send_signal(signal.SIGKILL)
    assert dead.process.stdout is not None
    assert dead.process.stdout.read() == ""  # it is gone, though nobody has waited for it yet
    assert alive.take(5) == 4


def test_who_has_more_waits_while_one_with_less_does(others: Others) -> None:
    rich, poor = others(4), others(4)
    assert rich.take(4) == 4
    shares: list[int] = []
    for _ in range(4):
        assert poor.take(1) == 0
        rich("give")
        assert rich.take(1) == (0 if len(shares) < 2 else 1)
        shares.append(poor.take(1))
    assert sum(shares) == 2


def test_one_who_stops_asking_keeps_nobody_waiting(tmp_path: Path, others: Others) -> None:
    gone = others(2)
    budget = SharedBudget(tmp_path / "budget", 2)
    assert [budget.take(), budget.take(), budget.take()] == [True, True, False]
    assert gone.take(1) == 0
    gone("close")
    budget.give()
    assert budget.take()
    budget.close()
    budget.close()


def test_a_limiter_waits_for_the_budget(tmp_path: Path, others: Others) -> None:
    other = others(3)
    assert other.take(3) == 3
    budget = SharedBudget(tmp_path / "budget", 3)

    async def main() -> None:
        limiter = Limiter(64, budget=budget)
        waiting = [asyncio.ensure_future(limiter.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        assert limiter.in_use == 0
        for _ in range(3):
            other("give")
        await asyncio.gather(*waiting)
        assert limiter.in_use == 3
        for _ in range(3):
            limiter.release()

    asyncio.run(main())
    assert other.take(4) == 3
    budget.close()
