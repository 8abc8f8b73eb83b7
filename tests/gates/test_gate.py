"""Floors and ceilings under each rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval import SampleResult, Score, Threshold, Verdict
from pytest_nemo_eval.config.settings import DecideBy
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.gates.gate import decide
from pytest_nemo_eval.metrics import Measurements
from pytest_nemo_eval.scores import Outcome


def measured(right: int, n: int = 100) -> Measurements:
    """``right`` of ``n`` questions are right."""
    return Measurements(
        [
            Outcome.of(
                SampleResult(
                    sample_id=str(i), score=Score(value=float(i < right), answer="7"), reply="It is 7", seconds=1.0
                )
            )
            for i in range(n)
        ]
    )


@pytest.mark.parametrize(
    ("gate", "right", "verdict"),
    [
        (Threshold("accuracy", min=0.5), 50, Verdict.PASS),
        (Threshold("accuracy", min=0.5), 49, Verdict.FAIL),
        (Threshold("accuracy", max=0.5), 50, Verdict.PASS),
        (Threshold("accuracy", max=0.5), 51, Verdict.FAIL),
        (Threshold("accuracy", min=0.2, max=0.5), 10, Verdict.FAIL),
        (Threshold("accuracy", min=0.2, max=0.5), 30, Verdict.PASS),
        (Threshold("accuracy", min=0.5, decide_by=DecideBy.BOUND), 55, Verdict.FAIL),
        (Threshold("accuracy", min=0.5, decide_by=DecideBy.BOUND), 65, Verdict.PASS),
        (Threshold("accuracy", min=0.5, decide_by=DecideBy.BOUND, confidence=0.5), 55, Verdict.PASS),
        (Threshold("accuracy", min=0.5, decide_by=DecideBy.EVIDENCE), 35, Verdict.FAIL),
        (Threshold("accuracy", min=0.5, decide_by=DecideBy.EVIDENCE), 45, Verdict.INCONCLUSIVE),
        (Threshold("accuracy", min=0.5, decide_by=DecideBy.EVIDENCE), 65, Verdict.PASS),
        (Threshold("latency_p99", max=2, decide_by=DecideBy.EVIDENCE), 50, Verdict.INCONCLUSIVE),
        (Threshold("latency_p50", max=2, decide_by=DecideBy.EVIDENCE), 50, Verdict.PASS),
    ],
)
def test_thresholds(gate: Threshold, right: int, verdict: Verdict) -> None:
    result = gate.judge(measured(right))
    assert result.verdict is verdict, result.explanation
    assert result.condition == gate.condition
    assert (result.p_fail is not None) == (verdict is Verdict.FAIL and gate.decide_by is DecideBy.EVIDENCE)


@given(value=st.floats(0, 1), half=st.floats(0, 0.5), low=st.none() | st.floats(0, 1), high=st.none() | st.floats(0, 1))
def test_the_rules_agree_where_they_must(value: float, half: float, low: float | None, high: float | None) -> None:
    interval = (value - half, value + half)
    point, bound, evidence = (decide(rule, value, interval, low, high) for rule in DecideBy)
    if evidence is Verdict.PASS:
        assert bound is point is Verdict.PASS
    if evidence is Verdict.FAIL:
        assert bound is point is Verdict.FAIL
    assert (bound is Verdict.PASS) == (evidence is Verdict.PASS)
    assert Verdict.INCONCLUSIVE not in (point, bound)


def test_the_explanation_says_what_was_measured_and_by_which_rule() -> None:
    assert Threshold("accuracy", min=0.5).judge(measured(25)).explanation == "accuracy is 0.2500, not >= 0.5"
    by_bound = Threshold("accuracy", min=0.5, decide_by=DecideBy.BOUND).judge(measured(55)).explanation
    assert by_bound == (
        "accuracy is 0.5500 (0.95 interval 0.4524 to 0.6439, which does not clear >= 0.5; decided by bound)"
    )


def test_a_threshold_inside_the_interval_is_warned_of() -> None:
    assert "lies inside the 95% interval" in Threshold("accuracy", min=0.5).judge(measured(55)).warning
    assert Threshold("accuracy", min=0.5).judge(measured(75)).warning == ""


def test_the_p_value_belongs_to_the_interval() -> None:
    p = Threshold("accuracy", min=0.5, decide_by=DecideBy.EVIDENCE).judge(measured(35)).p_fail
    assert p == pytest.approx(0.00135, rel=0.01)  # the score test: z = -3


def test_gates_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match="needs min, max, or both"):
        Threshold("accuracy")
    with pytest.raises(ConfigError, match="can never pass"):
        Threshold("accuracy", min=0.6, max=0.5)
    with pytest.raises(ConfigError, match="no metric speed"):
        Threshold("speed", min=1).judge(measured(50))
