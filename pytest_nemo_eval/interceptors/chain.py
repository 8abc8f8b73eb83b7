"""How interceptors are put around a send."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

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


def identify_all(interceptors: Sequence[Interceptor], identity: str) -> None:
    """Tell those that keep answers, such as a cache, whose answers they get: the model's, after what changes them.

    What changes answers counts by its name and its ``config``, where it has one that can be written as JSON.
    """
    for place, interceptor in enumerate(interceptors):
        identify = getattr(interceptor, "identify", None)
        if callable(identify):
            changing = [one for one in interceptors[place + 1 :] if getattr(one, "changes_response", True)]
            identify("\n".join([identity, *map(_as_words, changing)]))


def _as_words(interceptor: Interceptor) -> str:
    try:
        config = msgspec.json.encode(getattr(interceptor, "config", None), order="sorted").decode()
    except (TypeError, ValueError):
        config = ""
    return f"{name_of(interceptor)} {config}"


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
