from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap, t

from pytest_nemo_eval.metrics.bootstrap import RESAMPLES, percentile_bootstrap
from pytest_nemo_eval.metrics.intervals import IntervalKind, mean_interval, student_t, wilson
from pytest_nemo_eval.metrics.questions import Questions, unit_count
from tests.metrics.results import keyed

GRADED = tuple(np.random.default_rng(3).beta(2, 1, 60).tolist())
CLUSTERS = {str(n): f"passage {n % 7}" for n in range(60)}


@pytest.mark.parametrize(
    ("successes", "n"), [(742, 1319), (156, 350), (81, 263), (15, 148), (0, 20), (1, 29), (29, 29), (0, 1)]
)
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_wilson_is_scipys(successes: int, n: int, confidence: float) -> None:
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert wilson(successes, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_student_t_is_scipys(confidence: float) -> None:
    error = np.std(GRADED, ddof=1) / 60**0.5
    expected = t.interval(confidence, 59, loc=np.mean(GRADED), scale=error)
    questions = Questions(GRADED)
    assert questions.stderr == pytest.approx(error)
    assert student_t(questions, confidence) == pytest.approx(expected)
    assert mean_interval(questions, confidence, share=True) == (*student_t(questions, confidence), "t")


def test_clustered_errors_are_those_of_statsmodels() -> None:
    """Least squares on a constant; its correction (n - 1) / (n - k) is 1 here."""
    labels = [int(CLUSTERS[str(n)].split()[1]) for n in range(60)]
    fit = sm.OLS(np.array(GRADED), np.ones(60)).fit(cov_type="cluster", cov_kwds={"groups": labels}, use_t=True)
    questions = Questions.of(keyed(*GRADED), CLUSTERS)
    assert questions.units == unit_count(CLUSTERS, CLUSTERS) == 7
    assert questions.stderr == pytest.approx(fit.bse[0])
    lower, upper, method = mean_interval(questions, 0.95, share=True)
    assert (lower, upper) == pytest.approx(tuple(fit.conf_int(0.05)[0]))
    assert method == "clustered"


def test_a_question_without_a_cluster_is_one_of_its_own() -> None:
    some = {"0": "a", "1": "a", "2": ""}
    assert Questions.of(keyed(0.1, 0.2, 0.3, 0.4), some).units == unit_count(["0", "1", "2", "3"], some) == 3
    single = Questions.of(keyed(*GRADED), {str(n): str(n) for n in range(60)})
    assert single.stderr == pytest.approx(Questions(GRADED).stderr)


@pytest.mark.parametrize("clusters", [{}, CLUSTERS])
def test_the_bootstrap_is_scipys(clusters: dict[str, str]) -> None:
    questions = Questions.of(keyed(*GRADED), clusters)
    sums, sizes = (np.array(column) for column in zip(*questions.totals, strict=True))
    expected = bootstrap(
        (sums, sizes),
        lambda s, n, axis: s.sum(axis=axis) / n.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        method="percentile",
        random_state=np.random.default_rng(1),
    ).confidence_interval
    found = percentile_bootstrap(questions, 0.95)
    assert found == pytest.approx((expected.low, expected.high), abs=0.05 * (expected.high - expected.low))
    assert percentile_bootstrap(questions, 0.95) == found
    assert mean_interval(questions, 0.95, share=True, kind="bootstrap") == (*found, "bootstrap")


def test_the_bootstrap_of_a_large_benchmark_is_drawn_in_parts() -> None:
    values = tuple(float(n % 3 == 0) for n in range(2_000))
    assert percentile_bootstrap(Questions(values), 0.95) == pytest.approx(wilson(667, 2_000), abs=0.002)


@pytest.mark.parametrize("kind", ["auto", "bootstrap"])
@pytest.mark.parametrize("values", [(1.0,), (0.5,), (0.0, 0.0), (1.0,) * 30, (0.3,) * 7])
def test_values_that_do_not_vary_claim_no_certainty(values: tuple[float, ...], kind: IntervalKind) -> None:
    n = len(values)
    assert mean_interval(Questions(values), 0.95, share=True, kind=kind) == (*wilson(sum(values), n), "wilson")


def test_clusters_that_do_not_vary_count_as_one_question_each() -> None:
    alike = Questions.of(keyed(1, 0, 1, 0, 1, 0), {str(n): str(n // 2) for n in range(6)})
    assert mean_interval(alike, 0.95, share=True) == (*wilson(1.5, 3), "wilson")


def test_one_cluster_says_nothing_of_others() -> None:
    one = Questions.of(keyed(1, 0, 1), dict.fromkeys("012", "passage"))
    assert mean_interval(one, 0.95, share=True) == (0.0, 1.0, "clustered")
    assert mean_interval(one, 0.95, share=False)[2] == "none"


def test_seconds_and_tokens_may_be_all_alike() -> None:
    assert mean_interval(Questions((7.0, 7.0)), 0.95, share=False) == (7.0, 7.0, "t")
    assert mean_interval(Questions((7.0,)), 0.95, share=False) == (7.0, 7.0, "none")
    lower, upper, _ = mean_interval(Questions((0.0, 7.0)), 0.95, share=False)
    assert lower == 0
    assert upper > 7


@given(
    st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=30),
    st.integers(1, 10),
    st.floats(0.01, 0.999),
)
def test_intervals_hold_the_mean_and_widen_with_confidence(values: list[float], size: int, confidence: float) -> None:
    for clusters in ({}, {str(n): str(n // size) for n in range(len(values))}):
        questions = Questions.of(keyed(*values), clusters)
        lower, upper, _ = mean_interval(questions, confidence, share=True)
        assert 0 <= lower <= questions.mean + 1e-12
        assert questions.mean - 1e-12 <= upper <= 1
        assert lower < upper
        wider = mean_interval(questions, (1 + confidence) / 2, share=True)
        assert wider[0] <= lower
        assert upper <= wider[1]
