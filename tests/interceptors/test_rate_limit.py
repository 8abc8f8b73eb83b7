from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from pytest_nemo_eval.chat import Request, Response, Usage
from pytest_nemo_eval.errors import ConfigError, EndpointError
from pytest_nemo_eval.interceptors.rate_limit import RateLimit, RateLimitConfig
from tests.client.virtual import run
from tests.interceptors.models import Model, ask


class Endpoint:
    """Notes when each request begins, and takes ``seconds`` of the loop's time to answer."""

    def __init__(self, seconds: float = 0.0, usage: Usage = Usage()) -> None:
        self.begun: list[tuple[float, str]] = []
        self._seconds = seconds
        self._usage = usage

    async def __call__(self, request: Request) -> Response:
        self.begun.append((now(), request.messages[0].text))
        await asyncio.sleep(self._seconds)
        return Response(text="", usage=self._usage)

    @property
    def times(self) -> list[float]:
        return [time for time, _ in self.begun]


def now() -> float:
    return asyncio.get_running_loop().time()


def limit(requests: float | None = None, tokens: float | None = None) -> RateLimit:
    config = RateLimitConfig(requests_per_minute=requests, tokens_per_minute=tokens)
    return RateLimit(config, now, asyncio.sleep)


def all_at_once(
    make: Callable[[], RateLimit], endpoint: Callable[[Request], Awaitable[Response]], count: int
) -> RateLimit:
    async def main() -> RateLimit:
        limiter = make()
        await asyncio.gather(*(limiter(ask(str(number)), endpoint) for number in range(count)))
        return limiter

    return run(main())


def most_in_a_minute(times: list[float]) -> int:
    return max(sum(start <= time < start + 60 - 1e-6 for time in times) for start in times)


def test_256_at_once_are_spread_evenly_in_their_order() -> None:
    endpoint = Endpoint(seconds=30)
    limiter = all_at_once(lambda: limit(requests=60), endpoint, 256)
    assert endpoint.times == pytest.approx(list(range(256)))
    assert [text for _, text in endpoint.begun] == [str(number) for number in range(256)]
    assert limiter.report() == {"requests": 256, "tokens": 0, "waited_seconds": sum(range(256))}


@pytest.mark.parametrize("most", [1, 7, 60, 599, 600, 2400])
def test_no_minute_has_more(most: int) -> None:
    endpoint, count = Endpoint(), min(3 * most, 2500)
    all_at_once(lambda: limit(requests=most), endpoint, count)
    assert len(endpoint.times) == count
    assert most_in_a_minute(endpoint.times) <= most
    assert endpoint.times[-1] <= (count / most) * 60 * 1.01


def test_late_wake_ups_cost_no_rate_where_requests_are_many() -> None:
    """Each sleep takes 5 ms longer than asked for; 6,000 a minute are 10 ms apart."""
    endpoint = Endpoint()

    async def late(seconds: float) -> None:
        await asyncio.sleep(seconds + 0.005)

    all_at_once(lambda: RateLimit(RateLimitConfig(requests_per_minute=6000), now, late), endpoint, 1000)
    assert endpoint.times[-1] == pytest.approx(10, rel=0.02)
    assert most_in_a_minute(endpoint.times) <= 6000


def test_idle_time_is_not_saved_up() -> None:
    endpoint = Endpoint()

    async def main() -> None:
        limiter = limit(requests=60)
        await asyncio.sleep(1000)
        await asyncio.gather(*(limiter(ask(), endpoint) for _ in range(3)))

    run(main())
    assert endpoint.times == pytest.approx([1000, 1001, 1002])


def test_tokens_are_charged_afterwards_and_waited_for() -> None:
    """600 a minute are 10 a second, which is what the bucket holds at first; each answer takes 100."""
    endpoint = Endpoint(usage=Usage(60, 40))

    async def main() -> RateLimit:
        limiter = limit(tokens=600)
        for _ in range(4):
            await limiter(ask(), endpoint)
        return limiter

    assert run(main()).report()["tokens"] == 400
    assert endpoint.times == pytest.approx([0, 9, 19, 29])


def test_what_256_at_once_owe_is_paid_off() -> None:
    endpoint = Endpoint(usage=Usage(0, 10))

    async def main() -> None:
        limiter = limit(tokens=600)
        await asyncio.gather(*(limiter(ask(), endpoint) for _ in range(256)))
        await limiter(ask(), endpoint)

    run(main())
    assert endpoint.times[-1] == pytest.approx(255, abs=1)


def test_both_limits_hold() -> None:
    endpoint = Endpoint(usage=Usage(0, 10))

    async def main() -> None:
        limiter = limit(requests=6, tokens=60)
        for _ in range(3):
            await limiter(ask(), endpoint)

    run(main())
    assert endpoint.times == pytest.approx([0, 10, 20])


def test_whoever_is_cancelled_takes_no_turn() -> None:
    endpoint = Endpoint()

    async def main() -> int:
        limiter = limit(requests=60)
        tasks = [asyncio.create_task(limiter(ask(str(number)), endpoint)) for number in range(6)]
        await asyncio.sleep(0.5)  # virtual: the first has begun, the second sleeps, the others queue
        for cancelled in (tasks[1], tasks[3], tasks[4]):
            cancelled.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(isinstance(result, asyncio.CancelledError) for result in results)

    assert run(main()) == 3
    assert [(round(time, 6), text) for time, text in endpoint.begun] == [(0, "0"), (1, "2"), (2, "5")]


def test_an_error_takes_its_turn_and_goes_on() -> None:
    model = Model(EndpointError("gone"))

    async def main() -> float:
        limiter = limit(requests=60)
        for _ in range(3):
            with pytest.raises(EndpointError):
                await limiter(ask(), model)
        return now()

    assert run(main()) == pytest.approx(2)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "give requests_per_minute"),
        ({"requests_per_minute": 0}, "above 0"),
        ({"tokens_per_minute": -5}, "above 0"),
        ({"requests_per_second": 1}, "unknown field"),
    ],
)
def test_refused_keys(keys: dict[str, int], words: str) -> None:
    with pytest.raises((ConfigError, msgspec.ValidationError), match=words):
        msgspec.convert(keys, RateLimitConfig)
