"""A hosted model, or a gateway of your own: its address and key come from wherever you keep them.

Where the environment has the key under its usual name (OPENAI_API_KEY, NGC_API_KEY, ...), --model-url alone will do.
"""

from __future__ import annotations

import os

import pytest

from pytest_nemo_eval import Endpoint, Secret


@pytest.fixture
def eval_endpoint() -> Endpoint:
    return Endpoint(
        base_url=os.environ["GATEWAY_URL"],  # up to and including /v1
        model_id=os.environ.get("GATEWAY_MODEL", "my-model"),
        api_key=Secret(os.environ["GATEWAY_KEY"]),
    )
