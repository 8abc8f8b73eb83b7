"""The mean score."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from ..scores import SampleResult
from .intervals import normal, wilson
from .values import MetricValue


def accuracy(results: Sequence[SampleResult]) -> MetricValue:
    """The mean over questions of each question's mean score; errored samples are left out.

    Repeats of a question are averaged first: they are not independent, and would narrow the interval falsely.
    """
    questions: dict[str, list[float]] = {}
    for result in results:
        if result.score is not None:
            questions.setdefault(result.sample_id, []).append(result.score.value)
    if not questions:
        return MetricValue("accuracy", 0.0, 0.0, 1.0, 0, "none")
    means = [fmean(values) for values in questions.values()]
    if set(means) <= {0.0, 1.0} and all(len(values) == 1 for values in questions.values()):
        lower, upper = wilson(sum(means), len(means))
        return MetricValue("accuracy", fmean(means), lower, upper, len(means), "wilson")
    lower, upper = normal(means)
    return MetricValue("accuracy", fmean(means), lower, upper, len(means), "normal")
