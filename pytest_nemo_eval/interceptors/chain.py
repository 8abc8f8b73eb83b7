"""How interceptors are put around a send."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from ..chat import Request, Response

CallNext = Callable[[Request], Awaitable[Response]]
"""Sends a request on its way, through the interceptors further in."""


class Interceptor(Protocol):
    """Sees each request on its way out and each response on its way back.

    It may change either (both are frozen: ``replace``), answer by itself, send twice, or raise. What it keeps between
    the two is a local variable, so that requests in flight never mix.
    """

    async def __call__(self, request: Request, call_next: CallNext) -> Response: ...


def chain(interceptors: Sequence[Interceptor], send: CallNext) -> CallNext:
    """``send`` behind the interceptors; the first of them is the outermost."""
    for interceptor in reversed(interceptors):
        send = _link(interceptor, send)
    return send


def _link(interceptor: Interceptor, call_next: CallNext) -> CallNext:
    async def call(request: Request) -> Response:
        return await interceptor(request, call_next)

    return call
