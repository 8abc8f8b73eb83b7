"""A budget of places that the processes of this machine share."""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import EvalError

SLOTS = 128
FIELDS = 3  # of a slot: places held; when a place was first, and when last, refused since one was taken (nanoseconds)
BYTES = 8 * FIELDS * SLOTS
WAITING_NS = 250_000_000  # a process that was refused, and has not asked again for so long, no longer waits


class SharedBudget:
    """At most ``most`` places over all processes that name the same file; one SharedBudget a process and file.

    Every process has a slot of the file, and a lock on it for as long as it lives: what a killed process held is free
    again. While several wait, a free place goes to the one that holds the fewest.

    Raises:
        EvalError: more than 128 processes. OSError: the file cannot be made, or not be locked.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._most = most
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with self._locked():
                if os.fstat(self._file).st_size < BYTES:
                    os.ftruncate(self._file, BYTES)
                self._slot = self._find_slot(path)
                self._map = mmap.mmap(self._file, BYTES)
                self._values = memoryview(self._map).cast("q")
                self._clear(self._slot)
        except BaseException:
            os.close(self._file)
            raise

    def take(self) -> bool:
        """One more place; False where there is none, or where it is another's turn: ask again within 0.2 s."""
        now = time.monotonic_ns()
        with self._locked():
            granted = self._may_take(now) or (self._free_dead() and self._may_take(now))
            held, first, last = self._fields(self._slot)
            if granted:
                self._write(self._slot, held + 1, 0, 0)
            else:
                self._write(self._slot, held, first if now - last < WAITING_NS else now, now)
        return granted

    def give(self) -> None:
        """A place back."""
        self._values[FIELDS * self._slot] -= 1  # no other process writes there

    def close(self) -> None:
        """Give everything back. Idempotent."""
        if self._file >= 0:
            with self._locked():
                self._clear(self._slot)
            self._values.release()
            self._map.close()
            os.close(self._file)
            self._file = -1

    def _may_take(self, now: int) -> bool:
        values = self._values.tolist()
        if sum(values[::FIELDS]) >= self._most:
            return False
        if not any(values[2::FIELDS]):
            return True
        held, first, last = self._fields(self._slot)
        mine = (held, first if now - last < WAITING_NS else now)
        turns = zip(values[::FIELDS], values[1::FIELDS], values[2::FIELDS], strict=True)
        return all((held, first) >= mine for held, first, last in turns if last and now - last < WAITING_NS)

    def _free_dead(self) -> bool:
        """Empty the slots of processes that ended without a word; whether there were any."""
        used = [slot for slot in range(SLOTS) if any(self._fields(slot)) and slot != self._slot]
        dead = [slot for slot in used if self._lock_slot(slot)]
        for slot in dead:
            self._clear(slot)
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, 1 + slot)
        return bool(dead)

    def _fields(self, slot: int) -> tuple[int, int, int]:
        held, first, last = self._values[FIELDS * slot : FIELDS * (slot + 1)]
        return held, first, last

    def _write(self, slot: int, held: int, first: int, last: int) -> None:
        start = FIELDS * slot
        self._values[start], self._values[start + 1], self._values[start + 2] = held, first, last

    def _clear(self, slot: int) -> None:
        self._write(slot, 0, 0, 0)

    def _find_slot(self, path: Path) -> int:
        for slot in range(SLOTS):
            if self._lock_slot(slot):
                return slot
        raise EvalError(f"more than {SLOTS} processes share the budget in {path}: run fewer at a time")

    def _lock_slot(self, slot: int) -> bool:
        """Byte 0 of the file is locked for each change, byte 1 + slot for a process's life."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 1 + slot)
        except (BlockingIOError, PermissionError):
            return False
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, 0)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, 0)
