"""How interceptors are put around a send."""

from __future__ import annotations

from collections.abc import Sequence

from ..chat import Request, Response
from ..errors import EvalError, InterceptorError
from .base import CallNext, Interceptor


def chain(interceptors: Sequence[Interceptor], send: CallNext) -> CallNext:
    """``send`` behind the interceptors; the first of them is the outermost."""
    for interceptor in reversed(interceptors):
        send = _link(interceptor, send)
    return send


def name_of(interceptor: object) -> str:
    """What an interceptor is called: its name where it is built in, else that of its function or class."""
    name = getattr(interceptor, "name", None) or getattr(interceptor, "__qualname__", None)
    return str(name or type(interceptor).__qualname__)


def _link(interceptor: Interceptor, call_next: CallNext) -> CallNext:
    async def call(request: Request) -> Response:
        try:
            response = await interceptor(request, call_next)
        except EvalError:
            raise
        except Exception as error:  # the user's code
            raise InterceptorError(f"the interceptor {name_of(interceptor)} raised {error!r}") from error
        if not isinstance(response, Response):
            raise InterceptorError(
                f"the interceptor {name_of(interceptor)} returned {response!r} instead of a Response"
            )
        return response

    return call
