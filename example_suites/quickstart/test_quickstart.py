"""The same in Python: a benchmark is a call, and its gate an assert."""

from __future__ import annotations

from collections.abc import Callable

from pytest_nemo_eval import BenchmarkResult


def test_plurals(run_benchmark: Callable[..., BenchmarkResult]) -> None:
    result = run_benchmark(
        "plurals",
        dataset="data/plurals.jsonl",
        prompt="{question}",
        scorer="includes",
        max_new_tokens=32,
        temperature=0,
    )
    assert result.accuracy >= 0.45
