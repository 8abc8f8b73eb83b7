"""Scores by category, and the worst of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..scores import Outcome
from .accuracy import accuracy
from .intervals import IntervalKind
from .means import mean_metric
from .values import MetricValue

WORST = "worst_category_accuracy"


def by_category(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes of each category, by name; those without one are left out."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.category:
            found.setdefault(outcome.category, []).append(outcome)
    return dict(sorted(found.items()))


def category_accuracies(
    outcomes: Sequence[Outcome], clusters: Mapping[str, str], confidence: float, kind: IntervalKind
) -> dict[str, MetricValue]:
    """The accuracy of each category, with an interval for it alone."""
    return {
        category: mean_metric(f"accuracy[{category}]", accuracy(members), clusters, confidence, share=True, kind=kind)
        for category, members in by_category(outcomes).items()
    }


def worst_category(
    outcomes: Sequence[Outcome], clusters: Mapping[str, str], confidence: float, kind: IntervalKind
) -> MetricValue | None:
    """The lowest accuracy of a category in which anything was scored; None without categories.

    The interval is for the lowest of the true accuracies, whichever category has it: by Bonferroni, a confidence of
    1 - (1 - confidence) / categories makes all their intervals hold at once, and the lowest then lies between the
    lowest of the lower and the lowest of the upper bounds. It holds more often than the confidence says.
    """
    scored = [outcome for outcome in outcomes if outcome.value is not None]
    count = len(by_category(scored))
    if not count:
        return None
    values = category_accuracies(scored, clusters, 1 - (1 - confidence) / count, kind).values()
    worst = min(values, key=lambda metric: metric.value)
    lower, upper = min(metric.ci_lower for metric in values), min(metric.ci_upper for metric in values)
    return MetricValue(WORST, worst.value, lower, upper, worst.n, "simultaneous", worst.stderr, confidence)
