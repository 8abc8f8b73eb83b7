"""Real benchmark data and recordings, which the project does not ship."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_nemo_eval.chat import Json
from pytest_nemo_eval.datasets.files import Row, read_rows

RECORDED_GSM8K = "recorded/gsm8k_example_solutions.jsonl.gz"
RECORDED_MMLU_PRO = "recorded/mmlu_pro_350_llama-3.1-8b-instruct.jsonl.gz"


def shared_data() -> Path:
    """The folder of real data; skips the test where there is none."""
    named = os.environ.get("NEMO_EVAL_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs real benchmark data: there is no folder {folder}; NEMO_EVAL_TEST_DATA may name another")
    return folder


def shared_stub() -> Path:
    """The stub server that replays recordings; skips the test where it is missing."""
    path = shared_data().parent / "bench" / "openai_stub.py"
    if not path.is_file():
        pytest.skip(f"needs the stub server that replays recordings: there is no file {path}")
    return path


def shared_rows(name: str) -> Iterator[Row]:
    """The rows of one of its files; skips the test where it is missing."""
    path = shared_data() / name
    if not path.is_file():
        pytest.skip(f"needs real benchmark data: there is no file {path}")
    return read_rows(path)


def text(value: Json) -> str:
    """A column that must hold text."""
    assert isinstance(value, str), value
    return value
