"""A reasoning model on vLLM that leaves its thoughts in the answer: scorers see what follows ``</think>``.

Run it with --model-path; --server-arg reasoning-parser=... makes vLLM itself do so, for the models that it knows.
"""

from __future__ import annotations

import pytest

from pytest_nemo_eval import Interceptor
from pytest_nemo_eval.interceptors import create_interceptor


@pytest.fixture
def interceptors(interceptors: list[Interceptor]) -> list[Interceptor]:
    reasoning = create_interceptor("reasoning", {"end_reasoning_token": "</think>", "include_if_not_finished": False})
    return [reasoning, *interceptors]
