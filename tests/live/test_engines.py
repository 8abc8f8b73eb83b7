"""The two engines of our servers, without a server: they answer and score alike."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pytest_nemo_eval.backends.own import START
from tests.live.conftest import Servers, Vllm

pytestmark = pytest.mark.live
PROGRAM = Path(__file__).parent / "servers" / "engine.py"
CAPITAL = {"messages": [{"role": "user", "content": "What is the capital of France?"}], "temperature": 0}
CALLS = [
    ["chat", {**CAPITAL, "max_tokens": 12}],
    ["chat", {**CAPITAL, "max_tokens": 12, "stop": "Paris", "logprobs": True, "top_logprobs": 2}],
    ["completions", {"prompt": "The capital of France is Paris.", "echo": True, "logprobs": 1, "max_tokens": 0}],
    ["completions", {"prompt": ["1, 2, 3,", [504, 3575]], "max_tokens": 3, "temperature": 0, "logprobs": 0}],
    ["completions", {"prompt": "Once", "max_tokens": 5, "n": 2, "seed": 3, "top_p": 0.0}],
    ["completions", {"prompt": "x", "max_tokens": 3000}],
    ["chat", {**CAPITAL, "model": "other"}],
]


def replies(python: Path, engine: str, model: Path) -> list[tuple[int, dict[str, Any]]]:
    words = [str(word) for word in (python, PROGRAM, START, engine, model)]
    done = subprocess.run(words, input=json.dumps(CALLS), stdout=subprocess.PIPE, text=True, check=False, timeout=400)
    # vLLM on a CPU aborts when its process ends, after all is said
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("replies ")]
    return [(status, body) for status, body in json.loads(told.partition(" ")[2])]


def test_they_agree(servers: Servers, vllm: Vllm) -> None:
    ours = replies(servers.python, "transformers", servers.model)
    theirs = replies(vllm.python, "vllm", vllm.model)
    assert [status for status, _ in ours] == [status for status, _ in theirs] == [200] * 5 + [400, 404]
    for (_, one), (_, other) in list(zip(ours, theirs, strict=True))[:5]:
        assert one["usage"]["prompt_tokens"] == other["usage"]["prompt_tokens"]
        for mine, its in zip(one["choices"], other["choices"], strict=True):
            assert texts(mine) == texts(its)
            assert mine["finish_reason"] == its["finish_reason"]
            assert logprobs(mine) == pytest.approx(logprobs(its), rel=0.03, abs=0.1)  # vLLM computes in bfloat16


def texts(choice: dict[str, Any]) -> list[str]:
    told = choice["logprobs"] or {}
    whole = choice["text"] if "text" in choice else choice["message"]["content"]
    return [whole, *told.get("tokens", []), *(entry["token"] for entry in told.get("content", []))]


def logprobs(choice: dict[str, Any]) -> list[float]:
    told = choice["logprobs"] or {}
    values = [*told.get("token_logprobs", []), *(entry["logprob"] for entry in told.get("content", []))]
    return [value for value in values if value is not None]
