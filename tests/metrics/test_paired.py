from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, t, ttest_rel

from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.metrics import RerunNoise, compare, questions_needed, relative_contrast, rerun_noise
from pytest_nemo_eval.metrics.intervals import wilson
from pytest_nemo_eval.metrics.tango import tango
from tests.metrics.results import keyed

GENERATOR = np.random.default_rng(11)
BASE = GENERATOR.beta(2, 1, 40)
CANDIDATE = BASE + GENERATOR.normal(-0.05, 0.1, 40)
Z = 1.959963984540054


def graded() -> tuple[dict[str, float], dict[str, float]]:
    return keyed(*BASE.tolist()), keyed(*CANDIDATE.tolist())


def flips(won: int, lost: int, n: int) -> tuple[dict[str, float], dict[str, float]]:
    """The first ``won`` questions are won, the next ``lost`` are lost; of the rest every second is right in both."""
    same = [float(i % 2) for i in range(n - won - lost)]
    return keyed(*[0.0] * won, *[1.0] * lost, *same), keyed(*[1.0] * won, *[0.0] * lost, *same)


def test_zero_and_one() -> None:
    found = compare("accuracy", *flips(10, 25, 200))
    assert (found.n, found.lost, found.won, found.method, found.test) == (200, 25, 10, "tango", "mcnemar")
    assert found.difference == pytest.approx(found.value - found.baseline) == pytest.approx(-0.075)
    assert (found.ci_lower, found.ci_upper) == pytest.approx(tango(10, 25, 200))
    assert found.p_worse == pytest.approx(binomtest(25, 35, alternative="greater").pvalue)
    assert found.p_two_sided == pytest.approx(2 * found.p_worse)


def test_where_lower_is_better() -> None:
    baseline, candidate = flips(10, 25, 200)
    found = compare("truncation_rate", candidate, baseline, higher_is_better=False)
    assert (found.lost, found.won) == (25, 10)
    assert found.difference == pytest.approx(0.075)
    assert found.p_worse == compare("accuracy", baseline, candidate).p_worse
    better = compare("truncation_rate", baseline, candidate, higher_is_better=False)
    assert better.p_worse > 0.99


def test_graded_values() -> None:
    found = compare("accuracy", *graded())
    error = np.std(CANDIDATE - BASE, ddof=1) / math.sqrt(40)
    assert (found.method, found.test, found.n) == ("t", "permutation", 40)
    assert found.stderr == pytest.approx(error)
    expected = t.interval(0.95, 39, loc=(CANDIDATE - BASE).mean(), scale=error)
    assert (found.ci_lower, found.ci_upper) == pytest.approx(expected)
    assert found.mde == pytest.approx((Z + 0.8416212335729143) * error)
    assert found.p_worse == pytest.approx(ttest_rel(CANDIDATE, BASE, alternative="less").pvalue, abs=0.005)
    assert found.p_two_sided == pytest.approx(2 * found.p_worse)


def test_clusters() -> None:
    clusters = {str(n): f"passage {n // 5}" for n in range(40)}
    found = compare("accuracy", *graded(), clusters=clusters)
    groups = np.arange(40) // 5
    fit = sm.OLS(CANDIDATE - BASE, np.ones(40)).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    assert found.method == "clustered"
    assert found.stderr == pytest.approx(fit.bse[0])
    assert (found.ci_lower, found.ci_upper) == pytest.approx(tuple(fit.conf_int(0.05)[0]))
    assert (found.p_worse * 2**8) % 1 == pytest.approx(0)  # eight passages, flipped in every way
    together = compare("accuracy", *flips(10, 25, 200), clusters={str(n): str(n // 4) for n in range(200)})
    assert (together.method, together.test, together.lost) == ("clustered", "permutation", 25)


def test_tokens_may_differ_by_more_than_was_seen() -> None:
    found = compare("prompt_tokens", keyed(100, 200), keyed(130, 150), higher_is_better=False)
    half = float(t.ppf(0.975, 1)) * 40
    assert (found.ci_lower, found.ci_upper) == pytest.approx((-10 - half, -10 + half))
    shares = compare("accuracy", keyed(0.1, 0.9), keyed(0.9, 0.2))
    assert (shares.ci_lower, shares.ci_upper) == (-1, 1)


def test_only_questions_that_both_have() -> None:
    found = compare("accuracy", {"a": 1.0, "b": 0.0, "c": 1.0}, {"c": 0.0, "b": 0.0, "d": 1.0})
    assert (found.n, found.baseline, found.value, found.lost) == (2, 0.5, 0.0, 1)
    with pytest.raises(ConfigError, match=r"baseline \(1 questions\) and this run \(2\) have no question in common"):
        compare("accuracy", {"a": 1.0}, {"b": 1.0, "c": 0.0})
    with pytest.raises(ConfigError, match="no question in common"):
        relative_contrast({}, {}, 0.1)


@pytest.mark.parametrize("n", [1, 3, 100])
def test_no_difference_at_all_claims_no_certainty(n: int) -> None:
    unseen = Z**2 / (n + Z**2)
    ones = keyed(*[1.0] * n)
    for values in (ones, keyed(*[0.3] * n)):
        found = compare("accuracy", values, values)
        assert (found.ci_lower, found.ci_upper) == pytest.approx((-unseen, unseen))
        assert (found.p_worse, found.p_two_sided, found.stderr) == (1.0, 1.0, 0.0)
        assert found.mde > unseen
    tokens = compare("prompt_tokens", keyed(*[50.0] * n), keyed(*[50.0] * n))
    assert (tokens.ci_lower, tokens.ci_upper) == pytest.approx((-50 * unseen, 50 * unseen))
    contrast = relative_contrast(ones, ones, 0.1)
    assert contrast.ci_lower < contrast.value < contrast.ci_upper


def test_a_single_cluster_says_nothing() -> None:
    found = compare("accuracy", *flips(1, 2, 10), clusters={str(n): "passage" for n in range(10)})
    assert (found.ci_lower, found.ci_upper) == (-1, 1)


def test_relative_contrast() -> None:
    baseline, candidate = graded()
    found = relative_contrast(baseline, candidate, 0.1)
    values = CANDIDATE - 0.9 * BASE
    expected = t.interval(0.95, 39, loc=values.mean(), scale=np.std(values, ddof=1) / math.sqrt(40))
    assert found.value == pytest.approx(values.mean())
    assert (found.ci_lower, found.ci_upper) == pytest.approx(expected)
    assert (found.n, found.method) == (40, "t")
    clustered = relative_contrast(baseline, candidate, 0.1, clusters={str(n): str(n // 5) for n in range(40)})
    assert clustered.method == "clustered"
    more = relative_contrast(baseline, candidate, 0.1, higher_is_better=False)
    assert more.value == pytest.approx((CANDIDATE - 1.1 * BASE).mean())


def test_relative_contrast_of_zero_and_one_joins_score_intervals() -> None:
    """MOVER with what is correlated, written out with the variances of the sum."""
    baseline, candidate = flips(10, 25, 200)
    found = relative_contrast(baseline, candidate, 0.1)
    b = np.array(list(baseline.values()))
    d = np.array(list(candidate.values())) - b
    r = np.corrcoef(d, b)[0, 1]
    left = d.mean() - tango(10, 25, 200)[0], 0.1 * (b.mean() - wilson(b.sum(), 200)[0])
    right = tango(10, 25, 200)[1] - d.mean(), 0.1 * (wilson(b.sum(), 200)[1] - b.mean())
    lower, upper = (math.sqrt(x * x + y * y + 2 * r * x * y) for x, y in (left, right))
    assert found.value == pytest.approx(d.mean() + 0.1 * b.mean())
    assert (found.ci_lower, found.ci_upper) == pytest.approx((found.value - lower, found.value + upper))
    assert found.method == "wilson"
    more = relative_contrast(candidate, baseline, 0.1, higher_is_better=False)
    assert more.value == pytest.approx(-d.mean() - 0.1 * np.mean(list(candidate.values())))
    assert more.ci_lower < more.value < more.ci_upper


def test_relative_contrast_holds_what_was_too_rare_to_be_seen() -> None:
    alike = keyed(*[1.0] * 100, 0.0)
    found = relative_contrast(alike, alike, 0.02)
    assert found.ci_lower < 0 < found.value
    plain = compare("accuracy", alike, alike)
    nothing = relative_contrast(alike, alike, 0.0)
    assert (nothing.ci_lower, nothing.ci_upper) == pytest.approx((plain.ci_lower, plain.ci_upper))


def test_power() -> None:
    found = compare("accuracy", *flips(10, 25, 200))
    for drop in (0.01, 0.05):
        needed = questions_needed(found, drop)
        assert found.mde * math.sqrt(found.n / needed) <= drop < found.mde * math.sqrt(found.n / (needed - 1))
    assert questions_needed(found, found.mde) in {200, 201}
    assert questions_needed(found, 1e9) == 1
    with pytest.raises(ConfigError, match="must be above 0"):
        questions_needed(found, 0.0)


def test_noise_of_reruns() -> None:
    noise = rerun_noise(keyed(1, 0, 1, 0.5), {"0": 1.0, "1": 1.0, "2": 0.0, "3": 0.75, "4": 1.0})
    assert (noise.questions, noise.flips) == (4, 3)
    assert noise.shift == pytest.approx(0.0625)
    assert noise.sd == pytest.approx(np.std([0, 1, -1, 0.25], ddof=1))
    assert noise.run_variance == 0
    assert rerun_noise({"a": 1.0}, {"a": 0.0}) == RerunNoise(1, 1, -1.0, 0.0)
    with pytest.raises(ConfigError, match="no question in common"):
        rerun_noise({"a": 1.0}, {"b": 1.0})


def test_quiet_reruns_change_nothing() -> None:
    noise = RerunNoise(questions=40, flips=3, shift=0.001, sd=0.01)
    plain = compare("accuracy", *graded())
    assert compare("accuracy", *graded(), noise=noise) == msgspec.structs.replace(plain, noise=noise)


@pytest.mark.parametrize(
    ("noise", "stderr"),
    [
        (RerunNoise(questions=40, flips=30, shift=0.0, sd=0.4), 0.4 / math.sqrt(40)),
        (RerunNoise(questions=400, flips=30, shift=0.05, sd=0.0), None),
    ],
)
def test_noisy_reruns_widen(noise: RerunNoise, stderr: float | None) -> None:
    plain, found = compare("accuracy", *graded()), compare("accuracy", *graded(), noise=noise)
    expected = stderr or math.hypot(plain.stderr, noise.shift)
    assert found.stderr == pytest.approx(expected)
    half = float(t.ppf(0.975, 39)) * expected
    assert (found.ci_lower, found.ci_upper) == pytest.approx((found.difference - half, found.difference + half))
    assert found.mde == pytest.approx((Z + 0.8416212335729143) * expected)
    assert found.p_worse == pytest.approx(float(t.cdf(found.difference / expected, 39)), rel=1e-5)
    assert found.p_worse > plain.p_worse
    assert found.p_two_sided == pytest.approx(2 * found.p_worse)


def test_noise_of_zero_and_one_adds_to_each_side_in_squares() -> None:
    noise = RerunNoise(questions=200, flips=20, shift=0.03, sd=0.1)
    plain, found = compare("accuracy", *flips(10, 25, 200)), compare("accuracy", *flips(10, 25, 200), noise=noise)
    added = Z**2 * (found.stderr**2 - plain.stderr**2)
    assert found.ci_lower == pytest.approx(found.difference - math.hypot(found.difference - plain.ci_lower, added**0.5))
    assert found.ci_upper == pytest.approx(found.difference + math.hypot(plain.ci_upper - found.difference, added**0.5))
    better = compare("accuracy", *reversed(flips(10, 25, 200)), noise=noise)
    assert better.p_worse > 0.99


def test_runs_that_lie_apart_limit_what_questions_can_show() -> None:
    noise = RerunNoise(questions=200, flips=20, shift=0.02, sd=0.1)
    found = compare("accuracy", *flips(10, 25, 200), noise=noise)
    needed = questions_needed(found, 0.08)
    flipping = (found.stderr**2 - noise.run_variance) * 200
    detectable = (Z + 0.8416212335729143) * math.sqrt(flipping / needed + noise.run_variance)
    assert detectable == pytest.approx(0.08, rel=0.005)
    with pytest.raises(ConfigError, match=r"no number of questions shows a drop of 0.01: two runs of one model"):
        questions_needed(found, 0.01)


VALUES = st.sampled_from([0.0, 1.0]) | st.floats(0, 1)


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=12), st.sampled_from([1, 3]), st.booleans())
def test_every_difference_lies_in_its_interval(values: list[tuple[float, float]], size: int, noisy: bool) -> None:
    baseline, candidate = keyed(*(a for a, _ in values)), keyed(*(b for _, b in values))
    clusters = {question: str(int(question) // size) for question in baseline} if size > 1 else None
    noise = RerunNoise(questions=10, flips=2, shift=0.1, sd=0.2) if noisy else None
    found = compare("accuracy", baseline, candidate, clusters=clusters, noise=noise)
    assert -1 - 1e-9 <= found.ci_lower <= found.difference + 1e-12
    assert found.difference - 1e-12 <= found.ci_upper <= 1 + 1e-9
    assert found.ci_lower < found.ci_upper
    assert 0 < found.p_worse <= 1
    assert 0 < found.p_two_sided <= 1
    assert found.mde > 0
    contrast = relative_contrast(baseline, candidate, 0.05, clusters=clusters, noise=noise)
    assert contrast.ci_lower < contrast.ci_upper
    assert contrast.ci_lower - 1e-12 <= contrast.value <= contrast.ci_upper + 1e-12
