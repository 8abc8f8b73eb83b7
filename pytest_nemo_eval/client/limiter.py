"""How many samples may be in progress at an endpoint: as many as bring throughput, and hardly more."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable

from .budget import SharedBudget
from .search import Round, Search

START = 64
SAME_BURST = 0.05  # of an attempt's time: an answer so soon after a change belongs to those before it
ROUND = 0.7  # attempts a place: as many as fourfold growth adds come back together
SPREAD = 2.0  # answers take so much longer than the fastest one, on a server that makes none of them wait
POLL_SECONDS = 0.01


class Limiter:
    """Places for samples, first come first served; to be used on one event loop's thread.

    Adaptive, the limit follows throughput (``Search``); HTTP 429, 503 and time-outs lower it in any case.

    Args:
        most: the limit never passes this.
        adaptive: False: the limit is ``most``, but for overload and the recovery from it.
        start: the first limit; by default 64, or ``most`` where not adaptive.
        budget: shared with other processes; each place is taken from it too.
        clock: seconds, of the same kind as those given to ``answered``.

    Attributes:
        limit: places at the moment; more may be in use for a while after it has fallen.
        in_use: places taken.
    """

    def __init__(
        self,
        most: int,
        adaptive: bool = True,
        start: int | None = None,
        budget: SharedBudget | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.limit = min(most, start or (START if adaptive else most))
        self.in_use = 0
        self._search = Search(most, adaptive)
        self._budget = budget
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._poll: asyncio.TimerHandle | None = None
        self._start: float | None = None  # when the first place was taken since the limit changed
        self._answers = 0  # since then
        self._fastest = math.inf  # answer yet, in seconds
        self._quickest = math.inf  # round yet: the mean of its answers, in seconds
        self._rate = 0.0  # answers a second, since then
        self._new_round()

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

    def keep(self) -> bool:
        """Whether a place may serve another sample at once; it is to be given back otherwise."""
        if self._budget or self.in_use > self.limit:
            return False
        if self._waiting:
            self._reached = True
        return True

    def release(self) -> None:
        """Give a place back."""
        self.in_use -= 1
        if self._budget:
            self._budget.give()
        self._grant()

    def answered(self, seconds: float) -> None:
        """One attempt was answered after so many seconds."""
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
        """Attempts begun before the last change say nothing of it; of the others, most places' make a round."""
        start, now = self._start, self._clock()
        if start is None:
            return
        if not sign:
            self._fastest = min(self._fastest, seconds)
            self._answers += now - start > SAME_BURST * seconds
        if now - seconds < start:
            return
        self._attempts += 1
        self._signs += sign
        self._seconds += 0.0 if sign else seconds
        needed = max(ROUND * self.limit, self._search.least_attempts)
        if 2 * self._attempts >= needed:  # at its highest: where answers come in bursts, that is a burst's end
            self._rate = max(self._rate, self._answers / max(now - start, 1e-9))
        if self._attempts >= needed and self._answers + self._signs >= self.limit:
            self._end_round(now)

    def _end_round(self, now: float) -> None:
        strained = self._search.strained(self._signs, self._attempts)
        if self._attempts > self._signs:
            self._quickest = min(self._quickest, self._seconds / (self._attempts - self._signs))
        if strained or self._reached:
            floor = self._rate * min(self._quickest, SPREAD * self._fastest)
            share = self._signs / self._attempts
            limit = self._search.after(Round(self.limit, self._rate, floor, share, strained))
            if limit is not None:
                self.limit, self._start, self._answers = limit, None, 0
        else:  # fewer samples than places: nothing to learn
            self._start, self._answers = now, 0
        self._new_round()
        self._grant()

    def _new_round(self) -> None:
        self._attempts = self._signs = 0
        self._seconds = 0.0
        self._rate = 0.0
        self._reached = False  # whether a sample had to wait for the limit
