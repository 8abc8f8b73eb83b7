"""When a request that failed is sent again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass

RETRIED_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class RetryPolicy:
    """Jittered exponential back-off.

    Attributes:
        retries: how often one request is sent again.
        first_wait: seconds before the first retry, at most; each further wait is twice as long.
    """

    retries: int = 4
    first_wait: float = 0.5

    def wait(self, attempt: int, asked: float | None) -> float:
        """Seconds before retry number ``attempt`` (from 0); what the server ``asked`` for wins, up to a minute."""
        if asked is not None:
            return min(asked, LONGEST_WAIT)
        longest = min(self.first_wait * 2.0**attempt, 8.0)
        return random.uniform(longest / 2, longest)  # noqa: S311  # spreads retries out, guards nothing


def asked_wait(header: str | None) -> float | None:
    """``Retry-After`` in seconds; None without one, or where it is a date."""
    try:
        seconds = float(header) if header else None
    except ValueError:
        return None
    return seconds if seconds is not None and 0 <= seconds < float("inf") else None
