"""A mean over questions, with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from ..scores import SampleResult, Score
from .intervals import normal, wilson
from .values import MetricValue


def mean_of_questions(
    name: str, results: Sequence[SampleResult], value_of: Callable[[SampleResult, Score], float]
) -> MetricValue:
    """The mean over questions of each question's mean value; errored samples are left out.

    Repeats of a question are averaged first: they are not independent, and would narrow the interval falsely.
    Wilson's interval where every question was asked once and has 0 or 1, else the central limit theorem's on the
    questions' means. Where these do not vary, that one has no width, which would claim certainty: Wilson's then, too,
    which is the wider one for any values from 0 to 1.

    Args:
        value_of: a scored result and its score to a number from 0 to 1.
    """
    questions: dict[str, list[float]] = {}
    for result in results:
        if result.score is not None:
            questions.setdefault(result.sample_id, []).append(value_of(result, result.score))
    if not questions:
        return MetricValue(name, 0.0, 0.0, 1.0, 0, "none")
    means = [fmean(values) for values in questions.values()]
    binary = set(means) <= {0.0, 1.0} and all(len(values) == 1 for values in questions.values())
    if binary or len(set(means)) == 1:
        lower, upper = wilson(sum(means), len(means))
        return MetricValue(name, fmean(means), lower, upper, len(means), "wilson")
    lower, upper = normal(means)
    return MetricValue(name, fmean(means), max(0.0, lower), min(1.0, upper), len(means), "normal")
