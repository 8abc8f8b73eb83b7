"""From outcomes to one value a question, and to their mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from ..scores import Outcome
from .intervals import IntervalKind, mean_interval
from .questions import Questions
from .values import MetricValue


def question_means(outcomes: Sequence[Outcome], value_of: Callable[[Outcome], float | None]) -> dict[str, float]:
    """Each question's mean value, in order.

    Repeats of a question are averaged first: they are not independent, and would narrow an interval falsely.

    Args:
        value_of: an outcome to a number, or None where it does not count.
    """
    questions: dict[str, list[float]] = {}
    for outcome in outcomes:
        value = value_of(outcome)
        if value is not None:
            questions.setdefault(outcome.sample_id, []).append(value)
    return {question: fmean(values) for question, values in questions.items()}


def mean_metric(
    name: str,
    values: Mapping[str, float],
    clusters: Mapping[str, str],
    confidence: float,
    *,
    share: bool,
    kind: IntervalKind,
) -> MetricValue:
    """The mean over questions with its interval; ``share``: they are from 0 to 1."""
    if not values:
        return MetricValue(name, 0.0, 0.0, 1.0, 0, "none", confidence=confidence)
    questions = Questions.of(values, clusters)
    lower, upper, method = mean_interval(questions, confidence, share=share, kind=kind)
    return MetricValue(name, questions.mean, lower, upper, questions.n, method, questions.stderr, confidence)
