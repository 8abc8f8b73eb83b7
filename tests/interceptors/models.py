"""Requests, and models that answer them, for the tests of interceptors."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from pytest_nemo_eval.chat import Json, Message, Request, Response, Usage

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """The result of ``main``."""
    return asyncio.run(main)


def ask(text: str = "2 + 2?", repeat: int = 0, sample_id: str = "s", **parameters: Json) -> Request:
    """A chat request."""
    return Request(messages=(Message("user", text),), parameters=parameters, repeat=repeat, sample_id=sample_id)


class Model:
    """Answers with what it was asked, or raises ``error``; keeps what it was asked in ``asked``."""

    def __init__(self, error: Exception | None = None, usage: Usage = Usage(10, 5)) -> None:
        self.asked: list[Request] = []
        self.error = error
        self.usage = usage

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return Response(
            text=f"answer {len(self.asked)} to {request.messages[-1].content}",
            finish_reason="stop",
            usage=self.usage,
            seconds=0.25,
        )
