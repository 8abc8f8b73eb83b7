"""Answers are kept while you work on a scorer or a suite: what was asked once is not asked again, on CI never."""

from __future__ import annotations

import os

import pytest

from pytest_nemo_eval import Interceptor
from pytest_nemo_eval.interceptors import create_interceptor


@pytest.fixture
def interceptors(pytestconfig: pytest.Config, interceptors: list[Interceptor]) -> list[Interceptor]:
    if os.environ.get("CI"):
        return interceptors
    folder = pytestconfig.rootpath / ".eval-cache"  # delete it to ask anew
    return [*interceptors, create_interceptor("caching", {"cache_dir": str(folder)})]
