"""The same 40 prompts at temperature 0 to vLLM, Triton and Ray Serve: the same answers, but for near-ties."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import ROOT, Servers, Vllm
from tests.live.servers.asking import Asked
from tests.live.servers.running import serving

pytestmark = pytest.mark.live
DATA = ROOT / "example_suites" / "quickstart" / "data"
PROMPTS = 40
NEAR = 0.25
"""Two tokens are a near-tie whose log-probabilities differ by less: vLLM computes in bfloat16."""
Answer = list[dict[str, Any]]


def questions() -> list[str]:
    files = [(DATA / f"{name}.jsonl").read_text(encoding="utf-8") for name in ("capitals", "opposites")]
    rows = [line for file in files for line in file.splitlines()[: PROMPTS // 2]]
    return [f"{json.loads(row)['question']} Answer with one word." for row in rows]


def answers(servers: Servers, backend: str, folder: Path, arguments: Mapping[str, str | int]) -> list[Answer]:
    """The tokens of each answer, with the two likeliest in the place of each."""
    with serving(servers, backend, folder, arguments) as server, ThreadPoolExecutor(8) as pool:
        asked = Asked(server)
        replies = list(pool.map(lambda text: asked.chat(text, logprobs=True, top_logprobs=2), questions()))
    return [reply["choices"][0]["logprobs"]["content"] for reply in replies]


def margin(one: Answer, other: Answer) -> float:
    """How near the two likeliest tokens are where the answers part: the smaller of both servers' margins."""
    place = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a["token"] != b["token"]), None)
    if place is None:  # one of them is the beginning of the other
        return float("inf")
    tops = [answer[place]["top_logprobs"] for answer in (one, other)]
    return min(float(top[0]["logprob"] - top[1]["logprob"]) for top in tops)


def test_they_answer_alike(servers: Servers, vllm: Vllm, tmp_path: Path) -> None:
    assert len(questions()) == PROMPTS
    base = answers(Servers(vllm.python, vllm.model), "vllm", tmp_path / "vllm", {"enforce-eager": True})
    triton = answers(servers, "triton", tmp_path / "triton", {})
    ray = answers(servers, "ray", tmp_path / "ray", {"num_replicas": 2})
    assert [words(answer) for answer in triton] == [words(answer) for answer in ray]
    parted = {
        question: round(margin(one, other), 3)
        for question, one, other in zip(questions(), base, triton, strict=True)
        if words(one) != words(other)
    }
    print(f"near-ties, {len(parted)} of {PROMPTS}: {json.dumps(parted, indent=1)}")
    assert {question: found for question, found in parted.items() if found >= NEAR} == {}
    assert len(parted) <= PROMPTS // 4


def words(answer: Answer) -> str:
    return "".join(entry["token"] for entry in answer).removesuffix("<|im_end|>")
