"""Which deployments the items of a session still need."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping


class Demand:
    """Counts the items of each group that are to come and that run; a group shares one deployment. Thread-safe.

    Args:
        groups: item to group, for the items that need a deployment.
        clock: seconds, for how long a group has been idle.
    """

    def __init__(self, groups: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._groups = dict(groups)
        self._clock = clock
        self._lock = threading.Lock()
        self._left = set(groups)
        self._running: set[str] = set()
        self._count = Counter(groups.values())
        self._idle_since = dict.fromkeys(self._count, clock())

    def began(self, item: str) -> None:
        """An item runs now."""
        with self._lock:
            if item in self._left:
                self._running.add(item)

    def ended(self, item: str) -> str | None:
        """An item is over, however it ended; returns its group if that was the last of it. Idempotent."""
        with self._lock:
            if item not in self._left:
                return None
            self._left.remove(item)
            self._running.discard(item)
            group = self._groups[item]
            self._count[group] -= 1
            self._idle_since[group] = self._clock()
            return None if self._count[group] else group

    def is_over(self, group: str) -> bool:
        """Whether no item will need it any more; never so for a group that no item is known of."""
        with self._lock:
            return group in self._idle_since and not self._count[group]

    def idle_seconds(self, group: str) -> float | None:
        """For how long none of its items has run; 0 while one does, None for a group that no item is known of."""
        with self._lock:
            if group not in self._idle_since:
                return None
            if any(self._groups[item] == group for item in self._running):
                return 0.0
            return self._clock() - self._idle_since[group]
