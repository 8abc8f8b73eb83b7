"""The event loop and the connections that all clients of a process share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from .direct import Direct, Reply

T = TypeVar("T")


class Pool:
    """An event loop in a thread of its own, and the connections on it; each starts at first use.

    Fixtures come and go with each test, and connections should not: they belong to the loop, and the loop to the Pool.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._direct: Direct | None = None

    def start(self, function: Callable[[], Awaitable[T]]) -> Future[T]:
        """Run a coroutine function on the loop; the Future can be waited for, or cancelled, from any thread."""
        if self._portal is None:
            self._portal = self._stack.enter_context(start_blocking_portal("asyncio"))
        return self._portal.start_task_soon(function)

    def post(self, url: str, content: bytes, headers: Mapping[str, str], timeout: float) -> Reply:
        """Send one request: ``async with`` it, for the reply, whose body is still to be read. To be used on the loop.

        aiohttp itself does it: httpx takes twice the CPU of all the rest, for what is not wanted here.

        Args:
            timeout: seconds for the whole reply; 20 at most to connect.

        Raises:
            ValueError: a proxy that cannot be used. aiohttp.ClientError, OSError, TimeoutError: as they come.
        """
        return self._connections.post(url, content, headers, timeout)

    def get(self, url: str, headers: Mapping[str, str], timeout: float) -> Reply:
        """The same for a GET."""
        return self._connections.get(url, headers, timeout)

    @property
    def _connections(self) -> Direct:
        if self._direct is None:
            self._direct = Direct()
        return self._direct

    def close_connections(self) -> None:
        """Close every connection: a server that still has one open may refuse to end."""
        direct, self._direct = self._direct, None
        if direct is not None:
            self.start(direct.aclose).result(timeout=10)

    def close(self) -> None:
        """Close the connections and end the loop. Idempotent."""
        try:
            self.close_connections()
        finally:
            self._portal = None
            self._stack.close()
