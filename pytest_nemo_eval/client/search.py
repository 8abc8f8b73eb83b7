"""Which limit to try next, from what the last one showed."""

from __future__ import annotations

import math
from typing import NamedTuple

FIRST_GROWTH, GROWTH, FIRST_CUT, CUT = 4.0, 1.5, 1.25, 1.5
GAIN, KEPT = 0.1, 0.95  # of throughput: what growth must bring, and what a cut must leave
HEADROOM = 1.25  # above the knee: a server with N slots always has N requests
SIGNS = 0.05  # the share of attempts that must show overload
LEAST_ROUND = 64  # attempts: fewer say nothing of throughput
FIRST_PAUSE, LONGEST_PAUSE = 8, 64  # rounds between trials that brought nothing


class Round(NamedTuple):
    """What one limit showed.

    Attributes:
        rate: answers a second.
        floor: requests that must be in flight for that rate, if no answer has to wait.
        share: the part of the attempts that showed overload.
        strained: whether that is more than usual.
    """

    limit: int
    rate: float
    floor: float
    share: float
    strained: bool


class Search:
    """Looks for the knee: the lowest limit with the highest throughput.

    The limit is tried upwards while throughput grows in step. Then it stands a little above the knee, and is tried both
    ways now and then; a trial that loses throughput is taken back. Overload halves it, once a round at most, unless
    that costs throughput and cures nothing: then the limit is not the cause. After an overload growth is additive.
    """

    def __init__(self, most: int, adaptive: bool) -> None:
        self.least_attempts = LEAST_ROUND
        self._most = most
        self._adaptive = adaptive
        self._before: Round | None = None  # what a trial is held against
        self._pause = 1  # rounds to stand
        self._next_pause = FIRST_PAUSE
        self._growth = FIRST_GROWTH
        self._step = 0  # after an overload, growth is by this much
        self._usual = 0.0  # the share of overload signs that a lower limit did not cure

    def strained(self, signs: int, attempts: int) -> bool:
        """Whether so many signs of overload among so many attempts call for a lower limit."""
        return signs > 1 and signs / attempts > max(SIGNS, 2 * self._usual)

    def after(self, current: Round) -> int | None:
        """The next limit after a round; None to go on measuring this one."""
        if self._before is None:
            return self._stand(current)
        if current.limit > self._before.limit:
            return self._judge_growth(self._before, current)
        return self._judge_cut(self._before, current)

    def _stand(self, current: Round) -> int | None:
        self._pause -= 1
        if current.strained:
            return self._try(current.limit / 2, current)
        if not self._adaptive:
            return self._keep(current.limit + max(1, self._most // 16)) if current.limit < self._most else None
        return self._grow(current) if self._pause <= 0 else None

    def _grow(self, current: Round) -> int:
        if current.limit >= self._most:
            return self._cut(current, current, FIRST_CUT)
        return self._try(current.limit + self._step if self._step else current.limit * self._growth, current)

    def _judge_growth(self, before: Round, current: Round) -> int:
        gain = current.rate / before.rate if before.rate else 1.0
        grown = current.limit / before.limit - 1
        if current.strained:
            self._step = max(1, before.limit // 8)
            return self._rest(min(current.limit, max(gain, 1.0) * before.limit))
        if gain >= 1 + 0.6 * grown and current.limit < self._most:
            return self._grow(current)
        self._growth = GROWTH
        if gain < 1 + min(GAIN, 0.3 * grown):
            return self._cut(before, before._replace(floor=max(before.floor, current.floor)), FIRST_CUT)
        self._next_pause = FIRST_PAUSE
        knee = min(current.limit, HEADROOM * gain * before.limit)
        return self._keep(math.sqrt(knee * current.limit))  # between the two: one round is a rough measure

    def _judge_cut(self, before: Round, current: Round) -> int:
        kept = current.rate / before.rate if before.rate else 1.0
        if before.strained:
            self._step = max(1, before.limit // 8)
        if kept >= KEPT:
            if current.strained:
                return self._try(current.limit / 2, before)
            return self._keep(current.limit) if before.strained else self._cut(before, current, CUT)
        if current.strained:  # overload that the limit is not the cause of
            self._usual = max(before.share, current.share)
            self._step = 0
            return self._keep(before.limit)
        knee = min(before.limit, current.limit / max(kept, 0.01))
        if before.strained:
            return self._keep(math.ceil(0.9 * knee))
        return self._rest(math.ceil(HEADROOM * knee))

    def _try(self, limit: float, before: Round) -> int:
        self._before = before
        self.least_attempts = LEAST_ROUND * (2 if limit < before.limit else 1)
        return self._bounded(limit)

    def _cut(self, before: Round, current: Round, factor: float) -> int:
        """Try a lower limit, unless the current one is hardly above what its rate needs."""
        enough = HEADROOM * current.floor
        if current.limit <= max(1.05 * enough, 1):
            return self._rest(max(current.limit, math.ceil(min(enough, HEADROOM * before.limit))))
        return self._try(max(current.limit / factor, current.floor), before)

    def _rest(self, limit: float) -> int:
        """Stand for longer after each trial that brought nothing."""
        pause, self._next_pause = self._next_pause, min(2 * self._next_pause, LONGEST_PAUSE)
        return self._keep(limit, pause)

    def _keep(self, limit: float, pause: int = 1) -> int:
        self._before = None
        self._pause = pause
        self.least_attempts = LEAST_ROUND
        return self._bounded(limit)

    def _bounded(self, limit: float) -> int:
        return max(1, min(int(limit), self._most))
