"""A candidate against a baseline, question by question."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Literal

import msgspec

from ..errors import ConfigError
from .contrasts import Pairs, contrast_interval, difference_interval, noisy_stderr
from .evidence import one_sided_p
from .noise import RerunNoise
from .signs import mcnemar, sign_flips
from .student import z_quantile
from .values import Method, MetricValue

POWER = 0.8


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What lies between two models on the questions that both were asked.

    Attributes:
        n: pairs of values of one question.
        baseline, value: the means over the pairs, of the baseline and of the candidate.
        difference: value less baseline, with its standard error and interval.
        method: ``tango`` for 0 and 1, ``t`` (Student's), or ``clustered`` (cluster-robust, Student's t).
        p_worse: one-sided, of the hypothesis that the candidate is not worse.
        test: ``mcnemar`` (exact) for 0 and 1, or ``permutation`` (signs flipped, of whole clusters).
        lost, won: questions in which the candidate is worse, and better.
        mde: the smallest true difference that is found with 80 % power at this confidence, two-sided.
        noise: what two runs of one model differ by; where given it stands in stderr, interval, p-values and mde.
    """

    metric: str
    n: int
    baseline: float
    value: float
    difference: float
    stderr: float
    ci_lower: float
    ci_upper: float
    method: Literal["tango", "t", "clustered"]
    confidence: float
    p_worse: float
    p_two_sided: float
    test: Literal["mcnemar", "permutation"]
    lost: int
    won: int
    mde: float
    noise: RerunNoise | None = None


def compare(
    metric: str,
    baseline: Mapping[str, float],
    candidate: Mapping[str, float],
    *,
    clusters: Mapping[str, str] | None = None,
    confidence: float = 0.95,
    higher_is_better: bool = True,
    noise: RerunNoise | None = None,
) -> Comparison:
    """Compare by question (Miller 2024, arXiv 2411.00640: the questions' own difficulty cancels).

    Args:
        baseline, candidate: a value for each question; those that only one of them has are left out.
        clusters: of the questions that were drawn together.
        noise: of reruns; RerunNoise.added_variance widens the interval, and a p-value is at least that of the interval.

    Raises:
        ConfigError: no question in common.
    """
    pairs = Pairs.of(baseline, candidate, clusters)
    differences = pairs.differences
    lower, upper = difference_interval(pairs, confidence, noise)
    stderr = noisy_stderr(differences, noise)
    lost, won = pairs.flips(higher_is_better)
    p_worse, p_two_sided = _p_values(pairs, higher_is_better, noise)
    # where nothing varies, the interval's width stands in for the standard error
    error = stderr or max(upper - differences.mean, differences.mean - lower) / z_quantile(confidence)
    return Comparison(
        metric=metric,
        n=differences.n,
        baseline=math.fsum(pairs.baseline.values()) / differences.n,
        value=math.fsum(pairs.candidate.values()) / differences.n,
        difference=differences.mean,
        stderr=stderr,
        ci_lower=lower,
        ci_upper=upper,
        method="tango" if pairs.binary else "t" if differences.clusters is None else "clustered",
        confidence=confidence,
        p_worse=p_worse,
        p_two_sided=p_two_sided,
        test="mcnemar" if pairs.binary else "permutation",
        lost=len(lost),
        won=len(won),
        mde=detectable(error, confidence),
        noise=noise,
    )


def _p_values(pairs: Pairs, higher_is_better: bool, noise: RerunNoise | None) -> tuple[float, float]:
    """One-sided for worse, and two-sided."""
    if pairs.binary:
        lower, higher = pairs.flips()
        p_lower, p_higher = mcnemar(len(higher), len(lower))
    else:
        p_lower, p_higher = sign_flips([total for total, _ in pairs.differences.totals])
    p_worse, p_better = (p_lower, p_higher) if higher_is_better else (p_higher, p_lower)
    two_sided = min(1.0, 2 * min(p_worse, p_better))
    if noisy_stderr(pairs.differences, noise) == pairs.differences.stderr:
        return p_worse, two_sided
    widened = one_sided_p(lambda confidence: difference_interval(pairs, confidence, noise), 0.0)
    return (max(p_worse, widened) if p_worse < p_better else p_worse), min(1.0, max(two_sided, 2 * widened))


def relative_contrast(
    baseline: Mapping[str, float],
    candidate: Mapping[str, float],
    allowed: float,
    *,
    clusters: Mapping[str, str] | None = None,
    confidence: float = 0.95,
    higher_is_better: bool = True,
    noise: RerunNoise | None = None,
) -> MetricValue:
    """The mean of candidate - (1 - allowed) * baseline: below 0 where more than that share of the baseline was lost.

    Where lower is better, of candidate - (1 + allowed) * baseline: above 0 where more than that share came on top.

    Args:
        allowed: the relative change that is allowed, of 0 to 1.

    Returns:
        The mean by question; its method is ``wilson`` for 0 and 1 (score intervals, joined), ``t`` or ``clustered``.

    Raises:
        ConfigError: no question in common.
    """
    pairs = Pairs.of(baseline, candidate, clusters)
    factor = 1 - allowed if higher_is_better else 1 + allowed
    questions = pairs.less(factor)
    lower, upper = contrast_interval(pairs, factor, confidence, noise)
    method: Method = "wilson" if pairs.binary else "t" if questions.clusters is None else "clustered"
    return MetricValue(
        "relative_contrast",
        questions.mean,
        lower,
        upper,
        questions.n,
        method,
        noisy_stderr(questions, noise),
        confidence,
    )


def detectable(stderr: float, confidence: float) -> float:
    """The true difference that is found with 80 % power: (z_{1 - a/2} + z_{.8}) standard errors."""
    return (z_quantile(confidence) + NormalDist().inv_cdf(POWER)) * stderr


def questions_needed(comparison: Comparison, drop: float) -> int:
    """How many questions show a drop with 80 % power, where they vary as in this comparison.

    Raises:
        ConfigError: no number does: two runs of one model lie too far apart; or the drop is not above 0.
    """
    if drop <= 0:
        raise ConfigError(f"a drop to be found must be above 0, not {drop:g}")
    fixed = comparison.noise.run_variance if comparison.noise else 0.0
    unit = detectable(1.0, comparison.confidence)
    error = comparison.mde / unit
    left = (drop / unit) ** 2 - fixed
    if left <= 0:
        raise ConfigError(
            f"no number of questions shows a drop of {drop:g}: two runs of one model differ by {math.sqrt(fixed):.4f}"
        )
    return max(1, math.ceil((error**2 - fixed) * comparison.n / left - 1e-9))
