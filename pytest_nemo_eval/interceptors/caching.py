"""Answers that were given before, out of a file that several processes share."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

from ..chat import Json, Request, Response
from ..endpoint import SECRET_HEADERS
from ..errors import ConfigError
from ..runs.journal import request_key
from .base import CallNext, Config
from .shown import show_body, show_headers
from .spelling import either
from .store import Store

_UNCOUNTED = SECRET_HEADERS | {"x-request-id", "traceparent", "tracestate", "idempotency-key", "user-agent"}
"""Headers that change from request to request, or with whoever asks, and no answer with them."""


class CachingConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        cache_dir: the folder of adapter_cache.db; made where there is none. On a local disk.
        reuse: whether stored answers are given (true).
        save: whether answers are stored (true).
        reuse_cached_responses, save_responses: other spellings of these two.
        save_requests: whether requests are stored beside, to be read by people: without keys and media (false).
        max_saved_responses, max_saved_requests: how many are stored at most; None for all.
        bypass: neither gives nor stores.
    """

    cache_dir: str
    reuse: bool | None = None
    save: bool | None = None
    reuse_cached_responses: bool | None = None
    save_responses: bool | None = None
    save_requests: bool = False
    max_saved_responses: int | None = None
    max_saved_requests: int | None = None
    bypass: bool = False

    def __post_init__(self) -> None:
        for name in ("max_saved_responses", "max_saved_requests"):
            if (getattr(self, name) or 0) < 0:
                raise ConfigError(f"the interceptor caching: {name} is a number, 0 for none, or null for all")
        if not self.cache_dir.strip():
            raise ConfigError("the interceptor caching: cache_dir is empty: give a folder")
        _ = self.gives, self.stores  # refuses two spellings of one key

    @property
    def gives(self) -> bool:
        told = either("caching", True, reuse=self.reuse, reuse_cached_responses=self.reuse_cached_responses)
        return told and not self.bypass

    @property
    def stores(self) -> bool:
        """Whether anything is stored."""
        return (self.stores_responses or self.save_requests) and not self.bypass

    @property
    def stores_responses(self) -> bool:
        return either("caching", True, save=self.save, save_responses=self.save_responses)


class Caching:
    """Gives an equal request the answer that it was given before; whatever breaks, the model is asked.

    Equal are requests to one model with one route, one whole body, equal headers (without keys and ids) and one repeat
    index, whichever sample they are of. Whatever changes requests stands outside of it.

    Args:
        identity: whom it asks: the model with its weights, its endpoint, and what changes its answers on the way.
            May be told later with ``identify``.
        clock: for the pause after a failure.
    """

    name: ClassVar[str] = "caching"
    changes_request: ClassVar[bool] = False
    changes_response: ClassVar[bool] = False
    keeps_answers: ClassVar[bool] = True

    def __init__(self, config: CachingConfig, identity: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._identity = identity
        self._store = Store(Path(config.cache_dir).expanduser(), clock)
        self._answers_left = _bound(config.stores_responses, config.max_saved_responses)
        self._requests_left = _bound(config.save_requests, config.max_saved_requests)
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
        if self._config.stores and isinstance(response, Response):
            self._keep(key, request, response)
        return response

    def _keep(self, key: str, request: Request, response: Response) -> None:
        answer = response if self._answers_left > 0 else None
        asked = _shown(request) if self._requests_left > 0 else None
        self._answers_left -= 1
        self._requests_left -= 1
        if (answer or asked) and self._store.queue(key, answer, asked):
            self._thread.submit(self._store.put_queued)  # before whatever is looked for next: one thread

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


def _bound(wanted: bool, most: int | None) -> float:
    """How many may be stored."""
    return 0 if not wanted else math.inf if most is None else most


def _shown(request: Request) -> dict[str, Json]:
    """A request for people to read."""
    return {"path": request.protocol.path, "headers": show_headers(request.headers), "body": show_body(request)}
