"""One request through one interceptor, without a server."""

from __future__ import annotations

import anyio
import msgspec

from pytest_nemo_eval import Message, Request, Response
from pytest_nemo_eval.interceptors import Interceptor, chain

QUESTION = Request(messages=(Message("user", "2+2?"),))


def chat(*turns: tuple[str, str]) -> Request:
    return Request(messages=tuple(Message(role, content) for role, content in turns))


def turns(request: Request) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in request.messages]


def ask(
    interceptor: Interceptor, request: Request = QUESTION, answer: Response | Exception = Response(text="4")
) -> tuple[Request, Response]:
    """What was sent, and what came of the ``answer``; fails if the request or the answer was changed in place."""
    sent: list[Request] = []

    async def send(request: Request) -> Response:
        sent.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    before = msgspec.json.encode((request, None if isinstance(answer, Exception) else answer))
    response = anyio.run(chain([interceptor], send), request)
    assert msgspec.json.encode((request, None if isinstance(answer, Exception) else answer)) == before
    (only,) = sent
    return only, response
