"""No more requests and tokens a minute than a hosted endpoint allows."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

import anyio

from ..chat import Json, Request, Response
from ..errors import ConfigError
from .base import CallNext, Config

_MINUTE = 60.0
_ROUNDING = 1e-9


class RateLimitConfig(Config, frozen=True, kw_only=True):
    """At least one of them.

    Attributes:
        requests_per_minute: that begin in any one minute, spread evenly.
        tokens_per_minute: of questions and answers together, as the server counts them.
    """

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        limits = [limit for limit in (self.requests_per_minute, self.tokens_per_minute) if limit is not None]
        if not limits:
            raise ConfigError("the interceptor rate_limit: give requests_per_minute, tokens_per_minute, or both")
        if not all(0 < limit < float("inf") for limit in limits):
            raise ConfigError("the interceptor rate_limit: its limits are numbers above 0")


class RateLimit:
    """Lets requests through one by one, first come first served.

    Args:
        clock, sleep: of the same time.
    """

    name: ClassVar[str] = "rate_limit"
    changes_request: ClassVar[bool] = False
    changes_response: ClassVar[bool] = False

    def __init__(
        self,
        config: RateLimitConfig,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._turn = anyio.Lock()
        now = clock()
        self._pace = _Pace(config.requests_per_minute, now) if config.requests_per_minute else None
        self._tokens = _Tokens(config.tokens_per_minute, now) if config.tokens_per_minute else None
        self._requests = 0
        self._spent = 0
        self._waited = 0.0

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        await self._wait_for_turn()
        response = await call_next(request)
        if isinstance(response, Response):
            used = response.usage.prompt_tokens + response.usage.completion_tokens
            self._spent += used
            if self._tokens is not None:
                self._tokens.charge(used, self._clock())
        return response

    def report(self) -> Mapping[str, Json]:
        """The seconds are those of all requests together."""
        return {"requests": self._requests, "tokens": self._spent, "waited_seconds": round(self._waited, 3)}

    def close(self) -> None:
        """Nothing is open."""

    async def _wait_for_turn(self) -> None:
        """Whoever is cancelled here has taken nothing, and the next one's turn comes."""
        start = self._clock()
        if not self._turn.locked() and self._seconds_left() <= _ROUNDING:  # nobody waits: most cost nothing
            self._take(start, self._clock())
            return
        async with self._turn:
            while (seconds := self._seconds_left()) > _ROUNDING:
                await self._sleep(seconds)
            self._take(start, self._clock())

    def _take(self, start: float, now: float) -> None:
        if self._pace is not None:
            self._pace.take(now)
        self._requests += 1
        self._waited += now - start

    def _seconds_left(self) -> float:
        now = self._clock()
        return max(limit.seconds_left(now) for limit in (self._pace, self._tokens) if limit is not None)


class _Pace:
    """A bucket that holds a tenth of a second's requests, one at the least, so that late wake-ups cost no rate.

    What it holds is taken off the rate: never are there more than ``most`` in a minute, whenever that begins.
    """

    def __init__(self, most: float, now: float) -> None:
        held = int(most // 600)
        self._interval = _MINUTE / (most - held)
        self._ahead = held * self._interval
        self._due = now

    def seconds_left(self, now: float) -> float:
        return self._due - self._ahead - now

    def take(self, now: float) -> None:
        self._due = max(self._due, now) + self._interval


class _Tokens:
    """A bucket of one second's tokens, filled all the time; what answers take beyond it is owed, and waited for."""

    def __init__(self, most: float, now: float) -> None:
        self._rate = most / _MINUTE
        self._level = self._rate
        self._at = now

    def seconds_left(self, now: float) -> float:
        self._fill(now)
        return -self._level / self._rate

    def charge(self, tokens: int, now: float) -> None:
        self._fill(now)
        self._level -= tokens

    def _fill(self, now: float) -> None:
        self._level = min(self._rate, self._level + (now - self._at) * self._rate)
        self._at = now
