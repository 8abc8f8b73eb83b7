"""A quick look in pull requests, everything in the nightly run: one suite, two sizes."""

from __future__ import annotations

import os

import msgspec
import pytest

from pytest_nemo_eval import EvalSettings


@pytest.fixture(scope="session")
def eval_settings(eval_settings: EvalSettings) -> EvalSettings:
    if os.environ.get("NIGHTLY") or eval_settings.limit is not None:
        return eval_settings
    return msgspec.structs.replace(eval_settings, limit=100)
