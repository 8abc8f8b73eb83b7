"""The event loop and the connections that all clients of a process share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, asynccontextmanager
from typing import TypeVar

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from .transport import Transport

T = TypeVar("T")
CONNECT_SECONDS = 20.0


class Pool:
    """An event loop in a thread of its own, and one HTTP client on it; both start at first use.

    Fixtures come and go with each test, and connections should not: they belong to the loop, and the loop to the Pool.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._transport: Transport | None = None
        self._http: httpx.AsyncClient | None = None
        self._urls: dict[str, httpx.URL] = {}

    def start(self, function: Callable[[], Awaitable[T]]) -> Future[T]:
        """Run a coroutine function on the loop; the Future can be waited for, or cancelled, from any thread."""
        if self._portal is None:
            self._portal = self._stack.enter_context(start_blocking_portal("asyncio"))
        return self._portal.start_task_soon(function)

    @property
    def http(self) -> httpx.AsyncClient:
        """The HTTP client; to be used on the loop."""
        if self._http is None:
            self._http = httpx.AsyncClient(transport=self._connections(), follow_redirects=False)
        return self._http

    @asynccontextmanager
    async def post(
        self, url: str, content: bytes, headers: Mapping[str, str], timeout: float
    ) -> AsyncIterator[httpx.Response]:
        """Send one request; its reply's body is still to be read. To be used on the loop.

        Past httpx's client: its cookies, redirects and hooks cost as much CPU as all the rest, and are not wanted here.

        Args:
            timeout: seconds without a byte; 20 at most to connect.
        """
        limits = httpx.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)).as_dict()
        parsed = self._urls.get(url) or self._urls.setdefault(url, httpx.URL(url))  # parsing takes longer than sending
        request = httpx.Request("POST", parsed, content=content, headers=headers, extensions={"timeout": limits})
        reply = await self._connections().handle_async_request(request)
        reply.request = request
        try:
            yield reply
        finally:
            await reply.aclose()

    def _connections(self) -> Transport:
        if self._transport is None:
            self._transport = Transport()
        return self._transport

    def close_connections(self) -> None:
        """Close every connection: a server that still has one open may refuse to end."""
        self._http = None
        if self._transport is not None:
            transport, self._transport = self._transport, None
            self.start(transport.aclose).result(timeout=10)

    def close(self) -> None:
        """Close the connections and end the loop. Idempotent."""
        try:
            self.close_connections()
        finally:
            self._portal = None
            self._stack.close()
