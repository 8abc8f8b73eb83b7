"""Answers that were given before, out of a file that several processes share."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import msgspec

from ..chat import Json, Request, Response
from ..endpoint import SECRET_HEADERS
from ..errors import ConfigError
from ..runs.journal import request_key
from .base import CallNext, Config
from .spelling import either

FILE = "adapter_cache.db"
BUSY_SECONDS = 2.0
PAUSE_SECONDS = 10.0
"""How long a database that failed is left alone: requests shall not queue up for a time-out each."""

_OPENINGS = 5
_UNCOUNTED = SECRET_HEADERS | {"x-request-id", "traceparent", "tracestate", "idempotency-key", "user-agent"}
"""Headers that change from request to request, or with whoever asks, and no answer with them."""

_TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, response BLOB NOT NULL) WITHOUT ROWID"
_decoder = msgspec.json.Decoder(Response)


class CachingConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        cache_dir: the folder of adapter_cache.db; made where there is none. On a local disk.
        reuse: whether stored answers are given (true).
        save: whether answers are stored (true).
        reuse_cached_responses, save_responses: other spellings of these two.
        bypass: neither gives nor stores.
    """

    cache_dir: str
    reuse: bool | None = None
    save: bool | None = None
    reuse_cached_responses: bool | None = None
    save_responses: bool | None = None
    bypass: bool = False

    def __post_init__(self) -> None:
        if not self.cache_dir.strip():
            raise ConfigError("the interceptor caching: cache_dir is empty: give a folder")
        _ = self.gives, self.stores  # refuses two spellings of one key

    @property
    def gives(self) -> bool:
        told = either("caching", True, reuse=self.reuse, reuse_cached_responses=self.reuse_cached_responses)
        return told and not self.bypass

    @property
    def stores(self) -> bool:
        return either("caching", True, save=self.save, save_responses=self.save_responses) and not self.bypass


class Caching:
    """Gives an equal request the answer that it was given before; whatever breaks, the model is asked.

    Equal are requests to one model with one route, one whole body, equal headers (without keys and ids) and one repeat
    index, whichever sample they are of. Whatever changes requests stands outside of it.

    Args:
        identity: whom it asks: the model with its weights, and its endpoint. May be told later with ``identify``.
        clock: for the pause after a failure.
    """

    name: ClassVar[str] = "caching"
    changes_request: ClassVar[bool] = False
    changes_response: ClassVar[bool] = False

    def __init__(self, config: CachingConfig, identity: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._identity = identity
        self._store = _Store(Path(config.cache_dir).expanduser(), clock)
        self._executor: ThreadPoolExecutor | None = None
        self._hits = 0
        self._misses = 0

    def identify(self, identity: str) -> None:
        """Say whom it asks. Until then it gives and stores nothing: a request does not name its model.

        Raises:
            ConfigError: it asks another one already.
        """
        if self._identity not in ("", identity):
            raise ConfigError("the interceptor caching stands before two models: make one for each")
        self._identity = identity

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        if not self._identity or not (self._config.gives or self._config.stores):
            self._misses += 1
            return await call_next(request)
        key = self._key(request)
        if self._config.gives:
            found = await asyncio.get_running_loop().run_in_executor(self._thread, self._store.find, key)
            if found is not None:
                self._hits += 1
                return found
        self._misses += 1
        response = await call_next(request)
        if self._config.stores and isinstance(response, Response) and self._store.queue(key, response):
            self._thread.submit(self._store.put_queued)  # before whatever is looked for next: one thread
        return response

    def report(self) -> Mapping[str, Json]:
        """Failures are look-ups and answers for which the database could not be used."""
        asked = self._hits + self._misses
        store = self._store
        return {
            "hits": self._hits,
            "misses": self._misses,
            "hit_rate": round(self._hits / asked, 4) if asked else None,
            "stored": store.stored,
            "failures": store.failures,
            **({"last_failure": store.last_failure} if store.last_failure else {}),
            **({} if self._identity else {"unused": "nobody has said which model it stands before"}),
        }

    def close(self) -> None:
        """Store what is on its way, and close the database; a request that comes later opens it again."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.submit(self._store.close)
            executor.shutdown()

    @property
    def _thread(self) -> ThreadPoolExecutor:
        """The one thread that uses the database."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="nemo-eval-cache")
        return self._executor

    def _key(self, request: Request) -> str:
        headers = {name.lower(): value for name, value in request.headers.items()}
        counted = {name: value for name, value in headers.items() if name not in _UNCOUNTED}
        return request_key(request.replace(headers=counted, sample_id=""), self._identity, "")


class _Store:
    """The database, used by one thread; raises nothing."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self.stored = 0
        self.failures = 0
        self.last_failure = ""
        self._folder = folder
        self._clock = clock
        self._queue: deque[tuple[str, Response]] = deque()
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

    def queue(self, key: str, response: Response) -> bool:
        """Take an answer, on the loop; whether ``put_queued`` is to be called, for all that have come by then."""
        self._queue.append((key, response))
        return len(self._queue) == 1

    def put_queued(self) -> None:
        """Store the answers that were taken, each in the place of what was there."""
        rows: list[tuple[str, bytes]] = []
        while self._queue:
            key, response = self._queue.popleft()
            try:
                rows.append((key, msgspec.json.encode(response)))
            except Exception as error:  # half a surrogate pair
                self._note(error)
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)
            connection.execute("COMMIT")
            self.stored += len(rows)
        except _PausedError:
            self.failures += len(rows)
        except Exception as error:  # as above
            self._note(error, len(rows))

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
            for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", _TABLE):
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection


class _PausedError(Exception):
    """The database failed a moment ago."""
