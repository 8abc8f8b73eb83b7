from __future__ import annotations

import os

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def _no_keys_or_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see none of the developer's keys, proxies or pytest options."""
    for name in list(os.environ):
        if name.endswith("_API_KEY") or name.lower().endswith("_proxy") or name.startswith(("PYTEST_", "VLLM_")):
            monkeypatch.delenv(name)
