"""The file of a cache: answers by their request's key, in SQLite, which several processes may use at once."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from ..chat import Json, Response

FILE = "adapter_cache.db"
BUSY_SECONDS = 2.0
PAUSE_SECONDS = 10.0
"""How long a database that failed is left alone: requests shall not queue up for a time-out each."""

_OPENINGS = 5
_ANSWERS = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, response BLOB NOT NULL) WITHOUT ROWID"
_REQUESTS = "CREATE TABLE IF NOT EXISTS requests (key TEXT PRIMARY KEY, request BLOB NOT NULL) WITHOUT ROWID"
_decoder = msgspec.json.Decoder(Response)


class Store:
    """The database, used by one thread; raises nothing."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self.stored = 0
        self.failures = 0
        self.last_failure = ""
        self._folder = folder
        self._clock = clock
        self._queue: deque[tuple[str, Response | None, Mapping[str, Json] | None]] = deque()
        self._connection: sqlite3.Connection | None = None
        self._until: float | None = None

    def find(self, key: str) -> Response | None:
        """The answer to a request; None where there is none, or none that can be read."""
        try:
            row = self._open().execute("SELECT response FROM answers WHERE key = ?", (key,)).fetchone()
            return None if row is None else _decoder.decode(row[0])
        except _PausedError:
            self.failures += 1
        except Exception as error:  # sqlite3's, the system's, msgspec's: each means asking the model
            self._note(error)
        return None

    def queue(self, key: str, response: Response | None, request: Mapping[str, Json] | None) -> bool:
        """Take an answer, its request or both, on the loop.

        Returns:
            Whether ``put_queued`` is to be called, for all that have come by then.
        """
        self._queue.append((key, response, request))
        return len(self._queue) == 1

    def put_queued(self) -> None:
        """Store what was taken, each in the place of what was there."""
        answers: list[tuple[str, bytes]] = []
        requests: list[tuple[str, bytes]] = []
        while self._queue:
            key, response, request = self._queue.popleft()
            try:
                if response is not None:
                    answers.append((key, msgspec.json.encode(response)))
                if request is not None:
                    requests.append((key, msgspec.json.encode(request)))
            except Exception as error:  # half a surrogate pair
                self._note(error)
        try:
            self._put(answers, requests)
            self.stored += len(answers)
        except _PausedError:
            self.failures += len(answers)
        except Exception as error:  # as above
            self._note(error, len(answers))

    def _put(self, answers: list[tuple[str, bytes]], requests: list[tuple[str, bytes]]) -> None:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", answers)
        connection.executemany("INSERT OR REPLACE INTO requests VALUES (?, ?)", requests)
        connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _note(self, error: Exception, count: int = 1) -> None:
        """Count a failure; a database that failed, unlike a value, is left alone for a while and opened anew then."""
        self.failures += count
        self.last_failure = f"{self._folder / FILE}: {error}"
        if isinstance(error, (sqlite3.Error, OSError)):
            self.close()
            self._until = self._clock() + PAUSE_SECONDS

    def _open(self) -> sqlite3.Connection:
        if self._until is not None and self._clock() < self._until:
            raise _PausedError
        if self._connection is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._connection = self._connect()
        self._until = None
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        """Processes that make a new database at one moment are told at once, however patient, that it is locked."""
        for _ in range(_OPENINGS - 1):
            start = time.monotonic()
            try:
                return self._connect_once()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() - start >= BUSY_SECONDS / 2:
                    raise
                time.sleep(0.05)
        return self._connect_once()

    def _connect_once(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._folder / FILE, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", _ANSWERS, _REQUESTS):
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection


class _PausedError(Exception):
    """The database failed a moment ago."""
