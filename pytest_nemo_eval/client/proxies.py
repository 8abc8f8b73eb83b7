"""The proxies that the environment names."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed

from yarl import URL


def proxy_of(url: URL, proxies: Mapping[str, str]) -> str | None:
    """The proxy's URL for a request; None where it goes directly, as it does to this machine always.

    Args:
        proxies: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY (hosts, domains, networks), as
            ``urllib.request.getproxies_environment`` gives them.
    """
    proxy = proxies.get(url.scheme) or proxies.get("all")
    host = url.host or ""
    if not proxy or _is_near(host, proxies.get("no", "")):
        return None
    if proxy_bypass_environment(f"{host}:{url.explicit_port}" if url.explicit_port else host, dict(proxies)):
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
