"""Requests over aiohttp."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property
from urllib.request import getproxies_environment

import aiohttp
from yarl import URL

from .proxies import proxy_of

CONNECT_SECONDS = 20.0
KEPT_SECONDS = 30.0
MOST_ROUTES = 256  # that are remembered; evaluations use a handful
Reply = AbstractAsyncContextManager[aiohttp.ClientResponse]


@dataclass(frozen=True)
class _Route:
    """How a URL is reached: worked out once, since that takes as long as sending."""

    url: URL
    proxy: str | None
    ssl: ssl.SSLContext | bool


class Direct:
    """Connections, as many as there are requests, to be made and used on one event loop.

    HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR are honoured, as they are at the start.
    """

    def __init__(self) -> None:
        self._proxies = getproxies_environment()
        self._routes: dict[str, _Route] = {}
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def post(self, url: str, content: bytes, headers: Mapping[str, str], timeout: float) -> Reply:
        """See ``Pool.post``."""
        return self.request("POST", url, content, headers, self._limits(timeout))

    def get(self, url: str, headers: Mapping[str, str], timeout: float) -> Reply:
        """See ``Pool.get``."""
        return self.request("GET", url, None, headers, self._limits(timeout))

    def request(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str], limits: aiohttp.ClientTimeout
    ) -> Reply:
        """The same with any method and limits."""
        route = self._routes.get(url) or self._find_route(url)
        return self._session.request(
            method,
            route.url,
            data=content,
            headers=headers,
            proxy=route.proxy,
            ssl=route.ssl,
            timeout=limits,
            allow_redirects=False,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()

    def _limits(self, timeout: float) -> aiohttp.ClientTimeout:
        limits = self._timeouts.get(timeout)
        if limits is None:
            connect = min(CONNECT_SECONDS, timeout)
            limits = self._timeouts[timeout] = aiohttp.ClientTimeout(total=timeout, sock_connect=connect)
        return limits

    def _find_route(self, url: str) -> _Route:
        proxy = proxy_of(URL(url), self._proxies)
        scheme = proxy.partition(":")[0] if proxy else "http"
        if scheme not in ("http", "https"):
            raise ValueError(f"the environment names a {scheme} proxy, and only those of http and https can be used")
        route = _Route(URL(url), proxy, self._context if url.startswith("https:") else True)
        if len(self._routes) >= MOST_ROUTES:
            self._routes.clear()
        return self._routes.setdefault(url, route)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        import httpx  # late: of all that is here, this alone needs it

        return httpx.create_ssl_context()
