"""The event loop and the connections that all clients of a process share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TypeVar

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from .direct import Direct, Posting
from .transport import Transport

T = TypeVar("T")


class Pool:
    """An event loop in a thread of its own, and the HTTP clients on it; each starts at first use.

    Fixtures come and go with each test, and connections should not: they belong to the loop, and the loop to the Pool.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._http: httpx.AsyncClient | None = None
        self._direct: Direct | None = None

    def start(self, function: Callable[[], Awaitable[T]]) -> Future[T]:
        """Run a coroutine function on the loop; the Future can be waited for, or cancelled, from any thread."""
        if self._portal is None:
            self._portal = self._stack.enter_context(start_blocking_portal("asyncio"))
        return self._portal.start_task_soon(function)

    @property
    def http(self) -> httpx.AsyncClient:
        """httpx's client, for what is asked now and then; to be used on the loop."""
        if self._http is None:
            self._http = httpx.AsyncClient(transport=Transport(), follow_redirects=False)
        return self._http

    def post(self, url: str, content: bytes, headers: Mapping[str, str], timeout: float) -> Posting:
        """Send one request: ``async with`` it, for the reply, whose body is still to be read. To be used on the loop.

        Past httpx, which takes twice the CPU of all the rest for cookies, redirects and URLs that are not wanted here.

        Args:
            timeout: seconds for the whole reply; 20 at most to connect.

        Raises:
            ValueError: a proxy that cannot be used. aiohttp.ClientError, OSError, TimeoutError: as they come.
        """
        if self._direct is None:
            self._direct = Direct()
        return self._direct.post(url, content, headers, timeout)

    def close_connections(self) -> None:
        """Close every connection: a server that still has one open may refuse to end."""
        for closing in (self._http, self._direct):
            if closing is not None:
                self.start(closing.aclose).result(timeout=10)
        self._http = self._direct = None

    def close(self) -> None:
        """Close the connections and end the loop. Idempotent."""
        try:
            self.close_connections()
        finally:
            self._portal = None
            self._stack.close()
