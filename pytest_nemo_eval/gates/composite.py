"""A gate on the weighted mean of a metric over several benchmarks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from ..config.settings import CompositeSettings, DecideBy, Direction, Tier
from ..errors import ConfigError
from ..metrics import higher_is_better
from .gate import DEFAULT_CONFIDENCE, GateResult, decide, worst


@dataclass(frozen=True)
class Part:
    """One benchmark's share: a value with its standard error, and how it differs from the baseline."""

    value: float
    stderr: float
    difference: float | None = None
    difference_stderr: float = 0.0


@dataclass(frozen=True)
class Weighted:
    """A weighted mean of independent values, with its interval by the central limit theorem."""

    value: float
    lower: float
    upper: float


def judge_composite(name: str, settings: CompositeSettings, parts: Mapping[str, Part]) -> GateResult:
    """The verdict of a composite.

    Args:
        parts: by the names of ``settings.weights``.

    Raises:
        ConfigError: a condition that cannot be judged, such as a drop without a baseline.
    """
    confidence = settings.confidence or DEFAULT_CONFIDENCE
    total = sum(settings.weights.values())
    weights = {key: weight / total for key, weight in settings.weights.items()}
    verdicts, conditions, explanations, warning = [], [], [], ""
    found = _weighted([(weights[key], parts[key].value, parts[key].stderr) for key in weights], confidence)
    if settings.min is not None or settings.max is not None:
        rule = settings.decide_by or DecideBy.POINT
        verdicts.append(decide(rule, found.value, (found.lower, found.upper), settings.min, settings.max))
        bounds = [f">= {settings.min:g}"] if settings.min is not None else []
        bounds += [f"<= {settings.max:g}"] if settings.max is not None else []
        conditions.append(f"{name} {' and '.join(bounds)}")
        explanations.append(
            f"{name} is {found.value:.4f} ({confidence:.0%} interval {found.lower:.4f} to {found.upper:.4f})"
        )
        inside = [b for b in (settings.min, settings.max) if b is not None and found.lower < b < found.upper]
        if rule is DecideBy.POINT and inside:
            warning = f"the threshold {inside[0]:g} lies inside the interval of {name}"
    if settings.max_drop is not None:
        rule = settings.decide_by or DecideBy.EVIDENCE
        drop = _drop(name, settings, parts, weights, confidence)
        verdicts.append(decide(rule, drop.value, (drop.lower, drop.upper), None, settings.max_drop))
        conditions.append(f"{name} drops by at most {settings.max_drop:g}")
        explanations.append(f"{name} drops by {drop.value:.4f} ({drop.lower:.4f} to {drop.upper:.4f})")
    if not verdicts:
        raise ConfigError(f"the composite {name} needs min, max or max_drop")
    return GateResult(
        condition=" and ".join(conditions),
        verdict=worst(verdicts),
        tier=settings.tier or Tier.SUPPORTING,
        explanation="; ".join(explanations),
        decided_by=settings.decide_by or DecideBy.POINT,
        warning=warning,
    )


def _drop(
    name: str, settings: CompositeSettings, parts: Mapping[str, Part], weights: Mapping[str, float], confidence: float
) -> Weighted:
    higher = settings.direction is Direction.HIGHER if settings.direction else higher_is_better(settings.metric)
    terms = []
    for key, weight in weights.items():
        difference = parts[key].difference
        if difference is None:
            raise ConfigError(f"the composite {name} needs a comparison of {key} with a baseline (--eval-baseline)")
        terms.append((weight, -difference if higher else difference, parts[key].difference_stderr))
    return _weighted(terms, confidence)


def _weighted(terms: list[tuple[float, float, float]], confidence: float) -> Weighted:
    """Of (weight, value, standard error)."""
    value = sum(weight * one for weight, one, _ in terms)
    stderr = math.sqrt(sum((weight * error) ** 2 for weight, _, error in terms))
    half = NormalDist().inv_cdf(0.5 + confidence / 2) * stderr
    return Weighted(value, value - half, value + half)
