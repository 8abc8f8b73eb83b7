"""The limiter against simulated servers, on a clock that is a number."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pytest_nemo_eval.client.limiter import Limiter
from tests.client.virtual import run


@dataclass
class Server:
    """Serves so many requests at a time; the others wait. Refuses what comes above ``refuses_above`` in flight."""

    slots: int
    latency: float
    refuses_above: int = 1_000_000
    faults: float = 0.0
    hangs: float = 0.0
    in_flight: int = 0

    def __post_init__(self) -> None:
        self._serving = asyncio.Semaphore(self.slots)
        self._random = random.Random(7)

    async def answers(self) -> bool:
        """Whether the one who asks is answered; else it was refused, or waited for nothing for 2 s."""
        self.in_flight += 1
        try:
            await asyncio.sleep(0.001)
            if self.in_flight > self.refuses_above or self._random.random() < self.faults:
                return False
            if self._random.random() < self.hangs:
                await asyncio.sleep(2.0)
                return False
            async with self._serving:
                await asyncio.sleep(self.latency)
            return True
        finally:
            self.in_flight -= 1


@dataclass
class Outcome:
    seconds: float
    seconds_97: float  # until 97 % of the samples were begun: what was refused again and again counts no more
    limits: list[int]
    most_in_use: int


async def _send(samples: int, server: Server, limiter: Limiter) -> Outcome:
    loop = asyncio.get_running_loop()
    outcome = Outcome(0.0, 0.0, [limiter.limit], 0)
    tasks = set()

    async def sample() -> None:
        try:
            for attempt in range(100):
                start = loop.time()
                if await server.answers():
                    return limiter.answered(loop.time() - start)
                limiter.overloaded(loop.time() - start)
                await asyncio.sleep(min(0.5 * 2**attempt, 8.0))
        finally:
            limiter.release()

    for number in range(samples):
        await limiter.acquire()
        outcome.most_in_use = max(outcome.most_in_use, limiter.in_use)
        if limiter.limit != outcome.limits[-1]:
            outcome.limits.append(limiter.limit)
        if number <= 0.97 * samples:
            outcome.seconds_97 = loop.time()
        task = asyncio.ensure_future(sample())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    assert limiter.in_use == 0
    outcome.seconds = loop.time()
    return outcome


def simulate(
    samples: int,
    server: Callable[[], Server],
    most: int = 4096,
    adaptive: bool = True,
    start: int | None = None,
) -> Outcome:
    async def main() -> Outcome:
        limiter = Limiter(most, adaptive, start, clock=asyncio.get_running_loop().time)
        return await _send(samples, server(), limiter)

    return run(main())


@pytest.mark.parametrize(("slots", "latency", "samples"), [(8, 0.05, 3000), (64, 0.05, 3000), (512, 1.0, 10_000)])
def test_as_fast_as_the_best_fixed_limit(slots: int, latency: float, samples: int) -> None:
    fixed = [simulate(samples, lambda: Server(slots, latency), factor * slots, False).seconds for factor in (1, 2)]
    outcome = simulate(samples, lambda: Server(slots, latency))
    assert outcome.seconds <= 1.1 * min(fixed)
    assert slots * 0.6 <= outcome.limits[-1] <= 3 * slots


def test_the_limit_ends_above_the_knee_and_comes_back_from_trials() -> None:
    limits = simulate(30_000, lambda: Server(8, 0.05)).limits
    late = limits[len(limits) // 2 :]
    assert 8 < max(late) <= 32
    assert min(late) >= 4


@pytest.mark.parametrize("most", [1, 7, 64, 100])
def test_never_more_than_the_users_cap(most: int) -> None:
    outcome = simulate(2000, lambda: Server(512, 0.2), most)
    assert outcome.most_in_use == max(outcome.limits) == most


@pytest.mark.parametrize("allowed", [40, 100, 300])
def test_backs_off_from_a_server_that_refuses(allowed: int) -> None:
    outcome = simulate(6000, lambda: Server(allowed, 0.5, refuses_above=allowed))
    assert outcome.limits[-1] <= 1.5 * allowed
    assert outcome.seconds_97 <= 1.35 * 6000 / allowed * 0.5


@pytest.mark.parametrize("adaptive", [True, False])
@pytest.mark.parametrize(("faults", "hangs"), [(0.3, 0.0), (0.1, 0.05), (0.0, 0.15)])
def test_faults_at_random_do_not_bring_it_down(adaptive: bool, faults: float, hangs: float) -> None:
    outcome = simulate(6000, lambda: Server(64, 0.05, faults=faults, hangs=hangs), 4096 if adaptive else 128, adaptive)
    assert min(outcome.limits) >= 16
    assert outcome.limits[-1] >= 64


def test_a_fixed_limit_backs_off_and_recovers_up_to_what_the_user_said() -> None:
    limits = simulate(6000, lambda: Server(50, 0.2, refuses_above=50), 64, adaptive=False).limits
    assert limits[:2] == [64, 32]
    assert max(limits) == 64
    assert simulate(2000, lambda: Server(50, 0.2), 64, adaptive=False).limits == [64]


def test_a_few_refusals_are_no_overload() -> None:
    assert min(simulate(6000, lambda: Server(64, 0.05, faults=0.01), 64, adaptive=False).limits) == 64


def test_a_server_that_answers_nothing_ends_at_one() -> None:
    async def main() -> int:
        limiter = Limiter(64, clock=asyncio.get_running_loop().time)
        for _ in range(1000):
            await limiter.acquire()
            limiter.overloaded()
            limiter.release()
        return limiter.limit

    assert run(main()) == 1


def test_fewer_samples_than_places_teach_nothing() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        limiter = Limiter(4096, clock=loop.time)

        async def worker() -> None:
            for _ in range(100):
                await limiter.acquire()
                await asyncio.sleep(0.1)
                limiter.answered(0.1)
                limiter.release()

        await asyncio.gather(*(worker() for _ in range(20)))
        return limiter.limit

    assert run(main()) == 64


def test_first_come_first_served() -> None:
    async def main() -> list[int]:
        limiter = Limiter(1)
        served: list[int] = []

        async def sample(number: int) -> None:
            await limiter.acquire()
            served.append(number)
            await asyncio.sleep(1)
            limiter.release()

        await asyncio.gather(*(sample(number) for number in range(5)))
        return served

    assert run(main()) == [0, 1, 2, 3, 4]


def test_who_is_cancelled_takes_no_place() -> None:
    async def main() -> None:
        limiter = Limiter(1)
        await limiter.acquire()
        waiting = [asyncio.ensure_future(limiter.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # while it waits
        limiter.release()
        waiting[1].cancel()  # when it has a place already, and has not run yet
        await waiting[2]
        assert waiting[0].cancelled()
        assert waiting[1].cancelled()
        assert limiter.in_use == 1
        limiter.release()
        assert limiter.in_use == 0

    run(main())
