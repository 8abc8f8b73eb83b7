from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval.metrics import METRICS, compute_metrics
from pytest_nemo_eval.metrics.intervals import normal, wilson
from pytest_nemo_eval.scores import SampleResult, Score


def result(
    sample: int, value: float | None, repeat: int = 0, answer: str | None = "x", reason: str = ""
) -> SampleResult:
    score = None if value is None else Score(value=value, answer=answer)
    return SampleResult(sample_id=str(sample), repeat=repeat, score=score, finish_reason=reason or "stop")


@pytest.mark.parametrize(
    ("successes", "n", "lower", "upper"),
    [  # statsmodels 0.15.0, proportion_confint(successes, n, method="wilson")
        (742, 1319, 0.5356327, 0.5890988),
        (156, 350, 0.3945111, 0.4980961),
        (81, 263, 0.2552885, 0.3662096),
        (15, 148, 0.0623864, 0.1604872),
        (0, 20, 0.0, 0.1611252),
        (1, 29, 0.0061132, 0.1717552),
        (29, 29, 0.8830302, 1.0),
    ],
)
def test_wilson_against_statsmodels(successes: int, n: int, lower: float, upper: float) -> None:
    assert wilson(successes, n) == pytest.approx((lower, upper), abs=1e-7)


def test_normal_is_the_textbooks() -> None:
    # 1, 2, 3, 4, 5: mean 3, sd sqrt(2.5), standard error sqrt(.5)
    assert normal([1, 2, 3, 4, 5]) == pytest.approx((3 - 1.9599640 * 0.5**0.5, 3 + 1.9599640 * 0.5**0.5))


def test_gsm8k_of_the_recordings() -> None:
    metric = compute_metrics([result(n, float(n < 742)) for n in range(1319)])["accuracy"]
    assert (metric.n, metric.method) == (1319, "wilson")
    assert metric.value == pytest.approx(0.562547, abs=1e-6)
    assert (metric.ci_lower, metric.ci_upper) == pytest.approx((0.5356327, 0.5890988), abs=1e-7)


def test_repeats_are_averaged_by_question_first() -> None:
    repeated = [result(n, float(n < 6), repeat) for n in range(10) for repeat in range(8)]
    metric = compute_metrics(repeated)["accuracy"]
    assert (metric.n, metric.method) == (10, "normal")
    assert metric.value == pytest.approx(0.6)
    assert metric.ci_upper - metric.ci_lower == pytest.approx(2 * 1.959964 * (0.6 * 0.4 / 9) ** 0.5, rel=1e-5)


def test_uneven_repeats_weigh_each_question_once() -> None:
    results = [result(1, 1.0, 0), result(1, 1.0, 1), result(1, 1.0, 2), result(2, 0.0)]
    assert compute_metrics(results)["accuracy"].value == 0.5


def test_errored_samples_count_in_no_metric() -> None:
    results = [result(1, 1.0), result(2, None, reason="length"), result(3, 0.0, answer=None, reason="length")]
    metrics = compute_metrics(results)
    assert {name: (metric.value, metric.n) for name, metric in metrics.items()} == {
        "accuracy": (0.5, 2),
        "extraction_failure_rate": (0.5, 2),
        "truncation_rate": (0.5, 2),
    }


@pytest.mark.parametrize("results", [[], [result(1, None)]])
def test_nothing_scored_is_no_evidence(results: list[SampleResult]) -> None:
    for metric in compute_metrics(results).values():
        assert (metric.ci_lower, metric.ci_upper, metric.n, metric.method) == (0.0, 1.0, 0, "none")


@pytest.mark.parametrize(
    "results", [[result(1, 0.5)], [result(n, 1.0, repeat) for n in range(3) for repeat in range(2)]]
)
def test_values_that_do_not_vary_claim_no_certainty(results: list[SampleResult]) -> None:
    metric = compute_metrics(results)["accuracy"]
    assert metric.method == "wilson"
    assert metric.ci_upper - metric.ci_lower > 0.4


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.3, 1.0])), max_size=20))
def test_every_metric_lies_in_its_interval(values: list[tuple[int, float]]) -> None:
    metrics = compute_metrics([result(sample, value, n) for n, (sample, value) in enumerate(values)])
    assert list(metrics) == list(METRICS)
    for name, metric in metrics.items():
        assert metric.name == name
        assert 0 <= metric.ci_lower <= metric.ci_upper <= 1
        assert metric.ci_lower - 1e-12 <= metric.value <= metric.ci_upper + 1e-12
