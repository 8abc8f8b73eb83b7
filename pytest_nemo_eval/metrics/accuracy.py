"""The mean score."""

from __future__ import annotations

from collections.abc import Sequence

from ..scores import SampleResult
from .means import mean_of_questions
from .values import MetricValue


def accuracy(results: Sequence[SampleResult]) -> MetricValue:
    """The mean over questions of each question's mean score; errored samples are left out."""
    return mean_of_questions("accuracy", results, lambda result, score: score.value)
