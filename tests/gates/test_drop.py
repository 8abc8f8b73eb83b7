"""Drops from a baseline, on what real models answered."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import pytest

from pytest_nemo_eval import GateResult, SampleResult, Score, Verdict
from pytest_nemo_eval.config.settings import DecideBy, Direction, Facet
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.gates import Drop
from pytest_nemo_eval.metrics import Measurements
from pytest_nemo_eval.runs import Baseline, Pairing, RerunRecord
from pytest_nemo_eval.scores import Outcome
from tests.records import RECORD
from tests.shared_data import RECORDED_GSM8K, shared_rows


@cache
def answers(model: str) -> tuple[SampleResult, ...]:
    rows = [row for row in shared_rows(RECORDED_GSM8K) if row["model"] == model]
    return tuple(
        SampleResult(sample_id=str(n), score=Score(value=float(bool(row["ref_correct"])), answer="7"), seconds=1.0)
        for n, row in enumerate(rows)
    )


def made_up(right: int, n: int, seconds: float = 1.0) -> tuple[SampleResult, ...]:
    return tuple(
        SampleResult(sample_id=str(i), score=Score(value=float(i < right), answer="7"), seconds=seconds)
        for i in range(n)
    )


def baseline(results: tuple[SampleResult, ...], rerun: RerunRecord | None = None) -> Baseline:
    record = msgspec.structs.replace(RECORD, rerun=rerun)
    return Baseline("old", "pytest-nemo-eval", Path("old"), record, results)


def judge(drop: Drop, ours: tuple[SampleResult, ...]) -> GateResult:
    return drop.against(Pairing(drop.baseline.results, 0, {}, ())).judge(Measurements(tuple(map(Outcome.of, ours))))


@pytest.mark.parametrize(
    ("allowed", "verdict"), [(0.01, Verdict.FAIL), (0.03, Verdict.INCONCLUSIVE), (0.08, Verdict.PASS)]
)
def test_recorded_models(allowed: float, verdict: Verdict) -> None:
    """openai-175b_finetuning beside openai-6b_verification: 209 questions lost, 152 won, p = 0.0016."""
    old, new = answers("openai-6b_verification"), answers("openai-175b_finetuning")
    result = judge(Drop("accuracy", baseline(old), max_drop=allowed), new)
    assert result.verdict is verdict, result.explanation
    found = result.comparison
    assert found is not None
    assert (found.lost, found.won, found.n) == (209, 152, 1319)
    assert found.difference == pytest.approx(-0.043215, abs=1e-6)
    assert found.p_worse == pytest.approx(0.001575, abs=1e-6)
    assert (result.p_fail is not None) == (verdict is Verdict.FAIL)


def test_an_inconclusive_one_says_what_it_would_take() -> None:
    old, new = answers("openai-6b_verification"), answers("openai-175b_finetuning")
    words = judge(Drop("accuracy", baseline(old), max_drop=0.03), new).explanation
    assert "1319 questions show a change of 0.0" in words
    assert "to see 0.03 takes about 2" in words


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [(DecideBy.POINT, Verdict.PASS), (DecideBy.BOUND, Verdict.FAIL), (DecideBy.EVIDENCE, Verdict.INCONCLUSIVE)],
)
def test_the_rules(rule: DecideBy, verdict: Verdict) -> None:
    drop = Drop("accuracy", baseline(made_up(80, 100)), max_drop=0.03, decide_by=rule)
    assert judge(drop, made_up(78, 100)).verdict is verdict


@pytest.mark.parametrize(("guard", "verdict"), [(None, Verdict.FAIL), (0.9, Verdict.FAIL), (0.5, Verdict.PASS)])
def test_relative_drops(guard: float | None, verdict: Verdict) -> None:
    drop = Drop(
        "accuracy", baseline(made_up(800, 1000)), max_drop=0.3, max_relative_drop=0.1, relative_guard_below=guard
    )
    assert judge(drop, made_up(600, 1000)).verdict is verdict


def test_few_questions_decide_nothing() -> None:
    result = judge(Drop("accuracy", baseline(made_up(9, 9)), max_drop=0.1), made_up(0, 9))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "too few questions" in result.explanation


@pytest.mark.parametrize(("direction", "verdict"), [(None, Verdict.FAIL), (Direction.HIGHER, Verdict.PASS)])
def test_a_latency_that_rises_is_worse(direction: Direction | None, verdict: Verdict) -> None:
    drop = Drop("latency_mean", baseline(made_up(9, 20)), max_drop=0.5, direction=direction, decide_by=DecideBy.POINT)
    result = judge(drop, made_up(9, 20, seconds=2.0))
    assert result.verdict is verdict, result.explanation
    assert ("rises" if direction is None else "drops") in result.condition


def test_a_model_that_is_far_from_itself_is_given_the_benefit_of_the_doubt() -> None:
    noise = RerunRecord(questions=100, flips=30, shift=-0.3, sd=0.46)
    drop = Drop("accuracy", baseline(made_up(80, 100), noise), max_drop=0.05)
    assert judge(drop, made_up(60, 100)).verdict is Verdict.INCONCLUSIVE
    assert judge(Drop("accuracy", baseline(made_up(80, 100)), max_drop=0.05), made_up(60, 100)).verdict is Verdict.FAIL


def test_what_differs_is_refused_or_tolerated() -> None:
    drop = Drop("accuracy", baseline(made_up(9, 10)), max_drop=0.1)
    pairing = Pairing((), 0, {Facet.PROMPT: "another one"}, ())
    with pytest.raises(ConfigError, match=r"prompt: another one.*tolerate: \[prompt\]"):
        drop.against(pairing)
    assert Drop("accuracy", drop.baseline, max_drop=0.1, tolerate=frozenset({Facet.PROMPT})).against(pairing).pairing


def test_a_drop_needs_a_bound() -> None:
    with pytest.raises(ConfigError, match="needs max_drop"):
        Drop("accuracy", baseline(()))
