"""A reasoning model whose server leaves its thoughts in the answer: scorers see what follows ``</think>``."""

from __future__ import annotations

import pytest

from pytest_nemo_eval import CallNext, Interceptor, Request, Response

END = "</think>"


async def strip_reasoning(request: Request, call_next: CallNext) -> Response:
    response = await call_next(request)
    reasoning, _, answer = response.text.rpartition(END)
    return response.replace(text=answer.strip(), reasoning=reasoning) if END in response.text else response


@pytest.fixture
def interceptors(interceptors: list[Interceptor]) -> list[Interceptor]:
    return [*interceptors, strip_reasoning]
