"""When a request that failed is sent again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 60.0


def is_retried(status: int) -> bool:
    """Whether a request that was answered with this HTTP status may fare better later."""
    return status in (408, 409, 425, 429) or status >= 500


class RetryBudget:
    """How many retries all requests of a run have together."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.spent = 0

    def take(self) -> bool:
        """One more; False where all are spent."""
        if self.spent >= self.most:
            return False
        self.spent += 1
        return True


@dataclass(frozen=True)
class RetryPolicy:
    """Jittered exponential back-off.

    Attributes:
        retries: how often one request is sent again.
        first_wait: seconds before the first retry, at most; each further wait is twice as long, up to 8 s.
        budget: the run's; None sets no bound but ``retries``.
    """

    retries: int = 10
    first_wait: float = 0.5
    budget: RetryBudget | None = None

    def wait(self, attempt: int, asked: float | None) -> float:
        """Seconds before retry number ``attempt`` (from 0); what the server ``asked`` for wins, up to a minute."""
        if asked is not None:
            return min(asked, LONGEST_WAIT)
        longest = min(self.first_wait * 2.0**attempt, 8.0)
        return random.uniform(longest / 2, longest)  # noqa: S311  # spreads retries out, guards nothing


def asked_wait(header: str | None) -> float | None:
    """``Retry-After``, seconds or a date, in seconds from now; None without one."""
    try:
        seconds = float(header) if header else None
    except ValueError:
        return _seconds_until(header or "")
    return seconds if seconds is not None and 0 <= seconds < float("inf") else None


def _seconds_until(date: str) -> float | None:
    try:
        asked = parsedate_to_datetime(date)
        asked = asked if asked.tzinfo else asked.replace(tzinfo=timezone.utc)
        return max(0.0, (asked - datetime.now(timezone.utc)).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):  # the parser's own, of what is no date
        return None
