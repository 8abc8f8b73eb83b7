"""Middleware of your own: it may change a request, look at the answer, ask again, or answer by itself."""

from __future__ import annotations

import pytest

from pytest_nemo_eval import CallNext, Interceptor, Request, Response


async def ask_again_if_empty(request: Request, call_next: CallNext) -> Response:
    response = await call_next(request)
    if response.text.strip():
        return response
    warmer = {**request.parameters, "temperature": 0.7}  # values are frozen: replace makes new ones
    return await call_next(request.replace(parameters=warmer))


@pytest.fixture
def interceptors(interceptors: list[Interceptor]) -> list[Interceptor]:
    return [*interceptors, ask_again_if_empty]
