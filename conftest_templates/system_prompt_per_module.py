"""A system prompt for each module, its SYSTEM_PROMPT; for all others of this folder, suite files too, the one below."""

from __future__ import annotations

import pytest

from pytest_nemo_eval import Interceptor
from pytest_nemo_eval.interceptors import create_interceptor

SYSTEM_PROMPT = "You are a careful assistant. Answer briefly."


@pytest.fixture
def interceptors(request: pytest.FixtureRequest, interceptors: list[Interceptor]) -> list[Interceptor]:
    prompt = getattr(request.module, "SYSTEM_PROMPT", SYSTEM_PROMPT)
    if not prompt:  # SYSTEM_PROMPT = "" in a module: none
        return interceptors
    return [create_interceptor("system_message", {"system_message": prompt, "strategy": "replace"}), *interceptors]
