"""A hosted endpoint with limits by the minute: they are kept, and shared by the workers of pytest-xdist."""

from __future__ import annotations

import os

import pytest

from pytest_nemo_eval import Interceptor
from pytest_nemo_eval.interceptors import create_interceptor

REQUESTS, TOKENS = 600, 200_000  # a minute, of your contract


@pytest.fixture(scope="session")
def shared_limit() -> Interceptor:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return create_interceptor(
        "rate_limit", {"requests_per_minute": REQUESTS / workers, "tokens_per_minute": TOKENS / workers}
    )


@pytest.fixture
def interceptors(interceptors: list[Interceptor], shared_limit: Interceptor) -> list[Interceptor]:
    return [*interceptors, shared_limit]  # one for all items of a process
