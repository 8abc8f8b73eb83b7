"""Direct connections, and those through the proxies that the environment names."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed

import httpx
from httpx_aiohttp import AiohttpTransport

LIMITS = httpx.Limits(max_connections=0, keepalive_expiry=30.0)  # 0: aiohttp's word for as many as are asked for


class Transport(httpx.AsyncBaseTransport):
    """Sends each request directly or through its proxy. httpx asks the environment only where it is given no transport.

    HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY (hosts, domains, networks) are read once; this machine is always
    reached directly. SSL_CERT_FILE and SSL_CERT_DIR are honoured by the transports underneath.
    """

    def __init__(self) -> None:
        self._proxies = getproxies_environment()
        self._transports: dict[str | None, AiohttpTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        proxy = proxy_of(request.url, self._proxies)
        if proxy not in self._transports:
            self._transports[proxy] = AiohttpTransport(limits=LIMITS, proxy=_proxy(proxy) if proxy else None)
        return await self._transports[proxy].handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            await transport.aclose()


def proxy_of(url: httpx.URL, proxies: Mapping[str, str]) -> str | None:
    """The proxy's URL for a request; None where it goes directly."""
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or _is_near(url.host, proxies.get("no", "")):
        return None
    if proxy_bypass_environment(f"{url.host}:{url.port}" if url.port else url.host, dict(proxies)):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_near(host: str, no_proxy: str) -> bool:
    """Whether a host is this machine, or an address in one of the networks of NO_PROXY."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified or any(_holds(n, address) for n in no_proxy.split(","))


def _holds(network: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(network.strip(), strict=False)
    except ValueError:
        return False


def _proxy(url: str) -> httpx.Proxy:
    """httpx takes the credentials out of the URL; aiohttp, of any version, reads them best where they were."""
    scheme = url.partition(":")[0]
    if scheme not in ("http", "https"):
        raise ValueError(f"the environment names a {scheme} proxy, and only those of http and https can be used")
    proxy = httpx.Proxy(url)
    proxy.url, proxy.auth = httpx.URL(url), None
    return proxy
