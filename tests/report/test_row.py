from __future__ import annotations

import msgspec
import pytest

from pytest_nemo_eval import RunRecord
from pytest_nemo_eval.report import Row, row_of
from pytest_nemo_eval.runs import GateRecord, MetricRecord, ModelRecord, RunStatus
from pytest_nemo_eval.runs.record import BenchmarkRecord, CountRecord

BENCHMARK = BenchmarkRecord(
    name="gsm8k",
    variant="lm-eval",
    version="1",
    samples=200,
    repeats=1,
    num_fewshot=5,
    reference_fewshot=5,
    scorer="numeric",
    parameters={},
    data="test.jsonl",
    data_fingerprint="d",
    prompt_fingerprint="p",
    scores={
        "truncation_rate": MetricRecord(value=0.1, ci_lower=0.0, ci_upper=0.2, n=197, method="wilson"),
        "accuracy": MetricRecord(value=0.5, ci_lower=0.4, ci_upper=0.6, n=197, method="wilson"),
    },
)


def gate(verdict: str, tier: str = "supporting", condition: str = "accuracy >= 0.5") -> GateRecord:
    return GateRecord(condition=condition, verdict=verdict, tier=tier, explanation="")


def record(*gates: GateRecord, **benchmark: object) -> RunRecord:
    return RunRecord(
        status=RunStatus.FINISHED,
        item="item",
        started="2026-11-23T12:00:00+00:00",
        benchmark=msgspec.structs.replace(BENCHMARK, **benchmark),
        model=ModelRecord(id="m", url="http://127.0.0.1/v1", protocol="chat"),
        counts=CountRecord(scored=197, errors=3, extraction_failures=2, truncated=1),
        gates=gates,
    )


def test_a_row_is_drawn_from_the_record() -> None:
    conditions = [gate("pass"), gate("pass", condition="truncation_rate <= 0.2")]
    assert row_of(record(*conditions), "eval-runs/1") == Row(
        benchmark="gsm8k:lm-eval",
        verdict="pass",
        threshold="accuracy >= 0.5 and truncation_rate <= 0.2",
        value=0.5,
        ci_lower=0.4,
        ci_upper=0.6,
        n=197,
        extraction_failures=2,
        errors=3,
        truncated=1,
        run="eval-runs/1",
        name="gsm8k",
        gates=tuple(conditions),
    )


def test_a_benchmark_of_the_users_own_has_no_variant() -> None:
    assert row_of(record(name="mine", variant=""), "").benchmark == "mine"


@pytest.mark.parametrize(
    ("gates", "verdict"),
    [
        ([], "measured"),
        ([gate("pass")], "pass"),
        ([gate("pass", "critical"), gate("pass")], "pass"),
        ([gate("pass"), gate("fail")], "fail"),
        ([gate("inconclusive"), gate("fail")], "fail"),
        ([gate("pass"), gate("inconclusive")], "inconclusive"),
        ([gate("fail", "critical")], "fail"),
        ([gate("pass", "advisory")], "advisory"),
        ([gate("fail", "advisory"), gate("inconclusive", "advisory")], "advisory"),
        ([gate("fail", "advisory"), gate("pass")], "pass"),
        ([gate("pass", "advisory"), gate("fail")], "fail"),
    ],
)
def test_verdicts(gates: list[GateRecord], verdict: str) -> None:
    assert row_of(record(*gates), "").verdict == verdict


@pytest.mark.parametrize(
    ("shots", "reference", "note"),
    [(5, 5, ""), (0, 0, ""), (0, 5, "0-shot (reference: 5)"), (8, 5, "8-shot (reference: 5)")],
)
def test_another_number_of_worked_examples_is_noted(shots: int, reference: int, note: str) -> None:
    assert row_of(record(num_fewshot=shots, reference_fewshot=reference), "").note == note


@pytest.mark.parametrize("row", [row_of(record(gate("fail")), "eval-runs/1"), Row(benchmark="b", verdict="error")])
def test_rows_cross_processes_as_json(row: Row) -> None:
    assert msgspec.json.decode(msgspec.json.encode(row), type=Row) == row
