"""Two models on the same questions: pairs of values, and intervals of what lies between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ..errors import ConfigError
from .intervals import wilson
from .noise import RerunNoise
from .questions import Questions
from .student import t_quantile, z_quantile
from .tango import tango


@dataclass(frozen=True)
class Pairs:
    """Values of the questions that two models have both, by question.

    Attributes:
        clusters: of the questions that have one.
    """

    baseline: Mapping[str, float]
    candidate: Mapping[str, float]
    clusters: Mapping[str, str]

    @classmethod
    def of(
        cls, baseline: Mapping[str, float], candidate: Mapping[str, float], clusters: Mapping[str, str] | None
    ) -> Pairs:
        """Raises ConfigError where they have no question in common."""
        both = [question for question in baseline if question in candidate]
        if not both:
            raise ConfigError(
                f"the baseline ({len(baseline)} questions) and this run ({len(candidate)}) have no question in common"
            )
        return cls({q: baseline[q] for q in both}, {q: candidate[q] for q in both}, clusters or {})

    @cached_property
    def range(self) -> tuple[float, float]:
        """What the values may be: 0 to 1, and as far as they go beyond."""
        values = [*self.baseline.values(), *self.candidate.values()]
        return min(0.0, *values), max(1.0, *values)

    @property
    def bounded(self) -> bool:
        """Every value is from 0 to 1."""
        return self.range == (0.0, 1.0)

    @cached_property
    def binary(self) -> bool:
        """Every value is 0 or 1, of questions drawn one by one."""
        values = {*self.baseline.values(), *self.candidate.values()}
        return values <= {0.0, 1.0} and self.differences.clusters is None

    @cached_property
    def differences(self) -> Questions:
        """Candidate less baseline."""
        return self.less(1.0)

    def less(self, factor: float) -> Questions:
        """Candidate less ``factor`` times baseline."""
        return Questions.of({q: v - factor * self.baseline[q] for q, v in self.candidate.items()}, self.clusters)

    def flips(self, higher_is_better: bool = True) -> tuple[list[str], list[str]]:
        """The questions that the candidate lost, and those that it won."""
        lower = [q for q, value in self.candidate.items() if value < self.baseline[q]]
        higher = [q for q, value in self.candidate.items() if value > self.baseline[q]]
        return (lower, higher) if higher_is_better else (higher, lower)


def difference_interval(pairs: Pairs, confidence: float, noise: RerunNoise | None = None) -> tuple[float, float]:
    """The interval of the mean difference: Tango's for 0 and 1, else Student's t, cluster-robust with clusters."""
    lowest, highest = pairs.range
    span = highest - lowest
    if not pairs.binary:
        return spread_interval(pairs.differences, (-span, span), confidence, noise, bounded=pairs.bounded)
    lost, won = pairs.flips()
    bounds = tango(len(won), len(lost), pairs.differences.n, confidence)
    return _widen(pairs.differences, bounds, z_quantile(confidence), noise, (-1.0, 1.0))


def contrast_interval(
    pairs: Pairs, factor: float, confidence: float, noise: RerunNoise | None = None
) -> tuple[float, float]:
    """The interval of the mean of candidate - factor * baseline, for a factor of 0 and more.

    For 0 and 1 that is the difference, and 1 - factor times the baseline: Tango's interval of the one and Wilson's of
    the other are joined, with their correlation (MOVER: Zou and Donner, Statistics in Medicine 27, 2008). Student's t,
    for all else, knows nothing of outcomes too rare to have occurred, such as a lost question.
    """
    lowest, highest = pairs.range
    limits = (lowest - factor * highest, highest - factor * lowest)
    questions = pairs.less(factor)
    if not pairs.binary:
        return spread_interval(questions, limits, confidence, noise, bounded=pairs.bounded)
    base = Questions(tuple(pairs.baseline.values()))
    shares = wilson(math.fsum(base.values), base.n, confidence)
    rest = sorted((1 - factor) * share for share in shares)
    moved = difference_interval(pairs, confidence)
    correlation = _correlation(pairs.differences, base) * math.copysign(1, 1 - factor)

    def reach(difference: float, share: float) -> float:
        return math.sqrt(max(0.0, difference**2 + share**2 + 2 * correlation * difference * share))

    middle = (1 - factor) * base.mean
    lower = questions.mean - reach(pairs.differences.mean - moved[0], middle - rest[0])
    upper = questions.mean + reach(moved[1] - pairs.differences.mean, rest[1] - middle)
    return _widen(questions, (lower, upper), z_quantile(confidence), noise, limits)


def _correlation(first: Questions, second: Questions) -> float:
    """0 where either does not vary."""
    if first.stderr == 0 or second.stderr == 0:
        return 0.0
    products = ((a - first.mean) * (b - second.mean) for a, b in zip(first.values, second.values, strict=True))
    return math.fsum(products) / (first.n * (first.n - 1) * first.stderr * second.stderr)


def spread_interval(
    questions: Questions,
    limits: tuple[float, float],
    confidence: float,
    noise: RerunNoise | None,
    *,
    bounded: bool,
) -> tuple[float, float]:
    """Student's t interval of a mean, as wide as it must be where nothing varies.

    Then z^2 / (n + z^2) of n units may yet differ, as far as the limits: what Tango's interval says of 0 and 1. A
    single cluster says nothing of others.

    Args:
        limits: how far values may differ; ``bounded``: they cannot beyond, instead of none having been seen to.
    """
    ends = limits if bounded else (-math.inf, math.inf)
    mean, units, z = questions.mean, questions.units, z_quantile(confidence)
    if questions.stderr > 0:
        t = t_quantile(confidence, units - 1)
        half = t * questions.stderr
        return _widen(questions, (mean - half, mean + half), t, noise, ends)
    unseen = 1.0 if questions.clusters is not None and units == 1 else z * z / (units + z * z)
    bounds = (mean - unseen * (mean - limits[0]), mean + unseen * (limits[1] - mean))
    return _widen(questions, bounds, z, noise, ends)


def _widen(
    questions: Questions,
    bounds: tuple[float, float],
    factor: float,
    noise: RerunNoise | None,
    limits: tuple[float, float],
) -> tuple[float, float]:
    """With what the noise adds to the variance, added in squares to each side; within the limits."""
    more = 0.0
    if noise is not None:
        more = factor**2 * noise.added_variance(questions.stderr, questions.n)
    mean = questions.mean
    lower = mean - math.hypot(mean - bounds[0], math.sqrt(more))
    upper = mean + math.hypot(bounds[1] - mean, math.sqrt(more))
    return max(limits[0], lower), min(limits[1], upper)


def noisy_stderr(questions: Questions, noise: RerunNoise | None) -> float:
    """The standard error of the mean, with what reruns add to it."""
    added = noise.added_variance(questions.stderr, questions.n) if noise else 0.0
    return math.hypot(questions.stderr, math.sqrt(added))
