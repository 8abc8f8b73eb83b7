"""How many samples may be in progress at an endpoint: as many as bring throughput, and hardly more."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from .budget import SharedBudget

START = 64
LEAST_ROUND = 64  # attempts: fewer say nothing of throughput
FIRST_GROWTH, GROWTH, FIRST_CUT, CUT = 4.0, 1.5, 1.25, 1.5
GAIN, KEPT = 0.1, 0.95  # of throughput: what growth must bring, and a cut leave
HEADROOM = 1.25  # above the knee: a server with N slots always has N requests
SAME_BURST = 0.05  # of an attempt's time: an answer so soon after a change came with those before it
SIGNS = 0.05  # the share of attempts that must show overload
FIRST_PAUSE, LONGEST_PAUSE = 8, 64  # rounds between trials
POLL_SECONDS = 0.01


class _Round(NamedTuple):
    """What a round showed: the limit, answers a second, the share of overload signs and whether it is more than usual."""

    limit: int
    rate: float
    share: float
    strained: bool


class Limiter:
    """Places for samples, first come first served; to be used on one event loop's thread.

    Adaptive, the limit is tried upwards while throughput (answers a second) grows in step. Then it stands a little
    above the knee, and is tried both ways now and then; a trial that loses throughput is taken back. Overload (429,
    503, time-outs) halves it, once a round at most, unless that costs throughput: then the limit was not the cause.

    Args:
        most: the limit never passes this.
        adaptive: False: the limit is ``most``, but for overload and the recovery from it.
        start: the first limit; by default 64, or ``most`` where not adaptive.
        budget: shared with other processes; each place is taken from it too.
        clock: seconds, as those given to ``answered``.
    """

    def __init__(
        self,
        most: int,
        adaptive: bool = True,
        start: int | None = None,
        budget: SharedBudget | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.limit = min(most, max(1, start or (START if adaptive else most)))
        self.in_use = 0
        self._most = most
        self._adaptive = adaptive
        self._budget = budget
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._poll: asyncio.TimerHandle | None = None
        self._growth = FIRST_GROWTH
        self._step = 0  # after an overload, growth is by this much
        self._usual = 0.0  # the share of overload signs that a lower limit did not cure
        self._next_pause = FIRST_PAUSE
        self._set(self.limit)

    async def acquire(self) -> None:
        """Wait for a place."""
        if not self._waiting and self._take():
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._grant()
        try:
            await future
        except asyncio.CancelledError:
            if not future.cancelled():  # granted, and cancelled before it could be used
                self.release()
            raise

    def release(self) -> None:
        """Give a place back."""
        self.in_use -= 1
        if self._budget:
            self._budget.give()
        self._grant()

    def answered(self, seconds: float) -> None:
        """One attempt was answered after so many seconds, whatever the answer's worth."""
        self._count(seconds, 0)

    def overloaded(self, seconds: float = 0.0) -> None:
        """One attempt met HTTP 429, 503 or a time-out after so many seconds."""
        self._count(seconds, 1)

    def _take(self) -> bool:
        if self.in_use >= self.limit:
            self._reached = True
            return False
        if self._budget and not self._budget.take():
            return False
        self.in_use += 1
        if self._start is None:
            self._start = self._clock()
        return True

    def _grant(self) -> None:
        while self._waiting:
            if self._waiting[0].done():  # cancelled
                self._waiting.popleft()
            elif self._take():
                self._waiting.popleft().set_result(None)
            else:
                if self.in_use < self.limit and self._poll is None:  # starved by the budget
                    self._poll = asyncio.get_running_loop().call_later(POLL_SECONDS, self._look_again)
                return

    def _look_again(self) -> None:
        self._poll = None
        self._grant()

    def _count(self, seconds: float, sign: int) -> None:
        """Attempts begun before the last change say nothing of it; a round is as many others as there are places."""
        start, now = self._start, self._clock()
        if start is None:
            return
        if not sign and now - start > SAME_BURST * seconds:
            self._answers += 1
        if now - seconds < start:
            return
        self._attempts += 1
        self._signs += sign
        needed = max(self.limit, self._least)
        if 2 * self._attempts >= needed:  # at its highest: at a burst's end, where answers come in bursts
            self._rate = max(self._rate, self._answers / max(now - start, 1e-9))
        if self._attempts >= needed:
            self._end_round(now)

    def _end_round(self, now: float) -> None:
        share = self._signs / self._attempts
        strained = self._signs > 1 and share > max(SIGNS, 2 * self._usual)
        current, before = _Round(self.limit, self._rate, share, strained), self._before
        if not (strained or self._reached):  # fewer samples than places: nothing to learn
            self._start = now
            self._answers = 0
        elif before is None:
            self._stand(current)
        elif self.limit > before.limit:
            self._judge_growth(before, current)
        else:
            self._judge_cut(before, current)
        self._attempts = self._signs = 0
        self._rate = 0.0
        self._reached = False

    def _stand(self, current: _Round) -> None:
        self._pause -= 1
        if current.strained:
            self._set(self.limit // 2, current)
        elif not self._adaptive:
            if self.limit < self._most:
                self._set(self.limit + max(1, self._most // 16))
        elif self._pause <= 0:
            self._grow(current)

    def _grow(self, current: _Round) -> None:
        if self.limit >= self._most:
            self._set(int(self.limit / FIRST_CUT), current)
        else:
            self._set(self.limit + self._step if self._step else math.ceil(self.limit * self._growth), current)

    def _judge_growth(self, before: _Round, current: _Round) -> None:
        gain = current.rate / before.rate if before.rate else 1.0
        if current.strained:
            self._step = max(1, before.limit // 8)
            self._set(min(self.limit, int(max(gain, 1.0) * before.limit)))
            self._rest()
        elif gain >= 1 + 0.6 * (self.limit / before.limit - 1) and self.limit < self._most:
            self._grow(current)
        elif gain >= 1 + min(GAIN, 0.3 * (self.limit / before.limit - 1)):
            self._growth = GROWTH
            self._next_pause = FIRST_PAUSE
            self._set(min(self.limit, int(HEADROOM * gain * before.limit)))
        else:
            self._growth = GROWTH
            self._set(int(before.limit / FIRST_CUT), before)

    def _judge_cut(self, before: _Round, current: _Round) -> None:
        kept = current.rate / before.rate if before.rate else 1.0
        if before.strained:
            self._step = max(1, before.limit // 8)
        if kept >= KEPT:
            if self.limit > 1 and (current.strained or not before.strained):
                self._set(int(self.limit / (2 if current.strained else CUT)), before)
            else:
                self._set(self.limit)
        elif current.strained:  # overload that the limit is not the cause of
            self._usual = max(before.share, current.share)
            self._step = 0
            self._set(before.limit)
        elif before.strained:
            self._set(math.ceil(0.9 * min(before.limit, self.limit / max(kept, 0.01))))
        else:
            self._set(math.ceil(HEADROOM * min(before.limit, self.limit / max(kept, 0.01))))
            self._rest()

    def _rest(self) -> None:
        """Stand for longer after each trial that brought nothing."""
        self._pause = self._next_pause
        self._next_pause = min(2 * self._next_pause, LONGEST_PAUSE)

    def _set(self, limit: int, before: _Round | None = None) -> None:
        """Another limit, tried against ``before``, or to stand."""
        self.limit = max(1, min(limit, self._most))
        self._before = before
        self._pause = 1
        self._least = LEAST_ROUND * (2 if before and limit < before.limit else 1)
        self._start: float | None = None  # when the first place was taken since
        self._answers = self._attempts = self._signs = 0
        self._rate = 0.0
        self._reached = False  # whether a sample had to wait for the limit, in this round
        self._grant()
