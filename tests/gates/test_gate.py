from __future__ import annotations

import pytest

from pytest_nemo_eval import MetricValue, Threshold, Verdict
from pytest_nemo_eval.errors import ConfigError


def metrics(value: float) -> dict[str, MetricValue]:
    return {"accuracy": MetricValue("accuracy", value, value - 0.1, value + 0.1, 50, "wilson")}


@pytest.mark.parametrize(
    ("gate", "value", "verdict"),
    [
        (Threshold("accuracy", min=0.5), 0.5, Verdict.PASS),
        (Threshold("accuracy", min=0.5), 0.4999, Verdict.FAIL),
        (Threshold("accuracy", max=0.5), 0.5, Verdict.PASS),
        (Threshold("accuracy", max=0.5), 0.51, Verdict.FAIL),
        (Threshold("accuracy", min=0.2, max=0.5), 0.1, Verdict.FAIL),
        (Threshold("accuracy", min=0.2, max=0.5), 0.3, Verdict.PASS),
    ],
)
def test_thresholds(gate: Threshold, value: float, verdict: Verdict) -> None:
    result = gate.judge(metrics(value))
    assert result.verdict is verdict
    assert result.condition == gate.condition


def test_the_explanation_says_what_was_measured() -> None:
    assert Threshold("accuracy", min=0.5).judge(metrics(0.25)).explanation == "accuracy is 0.2500, not >= 0.5"


def test_gates_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match="needs min, max, or both"):
        Threshold("accuracy")
    with pytest.raises(ConfigError, match="can never pass"):
        Threshold("accuracy", min=0.6, max=0.5)
    with pytest.raises(ConfigError, match="no metric speed"):
        Threshold("speed", min=1).judge(metrics(0.5))
