"""A system prompt before every question of this folder."""

from __future__ import annotations

import pytest

from pytest_nemo_eval import CallNext, Interceptor, Message, Request, Response

SYSTEM_PROMPT = "You are a careful assistant. Answer briefly."


async def add_system_prompt(request: Request, call_next: CallNext) -> Response:
    return await call_next(request.replace(messages=(Message("system", SYSTEM_PROMPT), *request.messages)))


@pytest.fixture
def interceptors(interceptors: list[Interceptor]) -> list[Interceptor]:
    return [*interceptors, add_system_prompt]  # what a folder further up has set up stays
