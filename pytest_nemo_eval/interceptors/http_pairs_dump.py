"""The first pairs of request and response, and every error, in a file to read."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

from ..chat import Json, Request, Response
from ..errors import ConfigError
from .base import CallNext, Config
from .shown import show_body, show_error, show_headers, show_response

WRITE_SECONDS = 5.0
"""At the least, from one writing to the next."""

_logger = logging.getLogger(__name__)


class HttpPairsDumpConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        dump_path: the JSON file; {pid} in it is the process's id. What stood there is replaced.
        first_n: pairs that are kept, whatever came back (50); errors are kept beyond them.
    """

    dump_path: str
    first_n: int = 50

    def __post_init__(self) -> None:
        if not self.dump_path.strip():
            raise ConfigError("the interceptor http_pairs_dump: dump_path is empty: give a file")
        if self.first_n < 0:
            raise ConfigError("the interceptor http_pairs_dump: first_n is a number of pairs, or 0 for errors alone")


class HttpPairsDump:
    """Keeps what it sees where it stands in the chain: without keys, and without what media hold.

    Args:
        clock: for writing now and then.
    """

    name: ClassVar[str] = "http_pairs_dump"
    changes_request: ClassVar[bool] = False
    changes_response: ClassVar[bool] = False

    def __init__(self, config: HttpPairsDumpConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._first_n = config.first_n
        self._file = _File(Path(config.dump_path.replace("{pid}", str(os.getpid()))).expanduser())
        self._clock = clock
        self._pairs: list[Json] = []
        self._answers = 0
        self._errors: Counter[str] = Counter()
        self._next = clock()
        self._unwritten = False

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        try:
            response = await call_next(request)
        except Exception as error:
            self._errors[type(error).__name__] += 1
            self._keep({**_asked(request), "error": show_error(error)})
            raise
        self._answers += 1
        self._unwritten = True
        if len(self._pairs) < self._first_n and isinstance(response, Response):
            self._keep({**_asked(request), "response": show_response(response)})
        return response

    def report(self) -> Mapping[str, Json]:
        told: dict[str, Json] = {"path": str(self._file.path), "pairs": len(self._pairs)}
        return {**told, "failure": self._file.failure} if self._file.failure else told

    def close(self) -> None:
        """Write what is not written yet."""
        if self._unwritten or self._file.failure:
            self._file.write(self._document())
            self._unwritten = False
        self._file.close()

    def _keep(self, pair: dict[str, Json]) -> None:
        self._pairs.append(pair)
        self._unwritten = True
        if self._clock() >= self._next and not self._file.busy:
            self._next = self._clock() + WRITE_SECONDS
            self._file.write(self._document())
            self._unwritten = False

    def _document(self) -> dict[str, Json]:
        """Of its own: pairs, once kept, are never changed."""
        metrics: dict[str, Json] = {"answers": self._answers, "errors": dict(self._errors)}
        return {"metrics": metrics, "pairs": list(self._pairs)}


class _File:
    """JSON that a thread of its own writes; a reader sees it whole, as it was or as it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failure = ""
        self._executor: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None

    @property
    def busy(self) -> bool:
        return self._writing is not None and not self._writing.done()

    def write(self, document: dict[str, Json]) -> None:
        """Have it written; what goes wrong is a warning, and in ``failure``."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="nemo-eval-pairs")
        self._writing = self._executor.submit(self._write, document)

    def close(self) -> None:
        """Wait until it is written. Idempotent."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown()

    def _write(self, document: dict[str, Json]) -> None:
        text = json.dumps(document, ensure_ascii=False, indent=1, default=repr)
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(text.encode("utf-8", "backslashreplace"))  # half a surrogate pair: JSON's own escape
            part.replace(self.path)
        except OSError as error:
            self.failure = f"{self.path} cannot be written: {error.strerror}"
            _logger.warning("http_pairs_dump: %s", self.failure)
        else:
            self.failure = ""


def _asked(request: Request) -> dict[str, Json]:
    return {
        "sample_id": request.sample_id,
        "repeat": request.repeat,
        "path": request.protocol.path,
        "request": {"headers": show_headers(request.headers), "body": show_body(request)},
    }
