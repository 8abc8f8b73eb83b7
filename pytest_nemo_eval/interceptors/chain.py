"""How interceptors are put around a send."""

from __future__ import annotations

from collections.abc import Sequence

from ..chat import Request, Response
from .base import CallNext, Interceptor


def chain(interceptors: Sequence[Interceptor], send: CallNext) -> CallNext:
    """``send`` behind the interceptors; the first of them is the outermost."""
    for interceptor in reversed(interceptors):
        send = _link(interceptor, send)
    return send


def _link(interceptor: Interceptor, call_next: CallNext) -> CallNext:
    async def call(request: Request) -> Response:
        return await interceptor(request, call_next)

    return call
