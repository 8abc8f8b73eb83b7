"""See what is sent and what comes back: the first requests in the log, every pair of an error in a file.

pytest --log-cli-level=INFO -k one_benchmark
"""

from __future__ import annotations

import pytest

from pytest_nemo_eval import Interceptor
from pytest_nemo_eval.interceptors import create_interceptor


@pytest.fixture
def interceptors(request: pytest.FixtureRequest, interceptors: list[Interceptor]) -> list[Interceptor]:
    pairs = request.config.rootpath / "pairs" / f"{request.node.name}-{{pid}}.json"
    return [
        *interceptors,  # what they make of a request is what is logged
        create_interceptor("logging", {"max_requests": 3, "max_responses": 3}),
        create_interceptor("http_pairs_dump", {"dump_path": str(pairs), "first_n": 3}),
    ]
