"""How often something happened to a reply."""

from __future__ import annotations

from collections.abc import Sequence

from ..scores import SampleResult
from .means import mean_of_questions
from .values import MetricValue


def extraction_failure_rate(results: Sequence[SampleResult]) -> MetricValue:
    """The share of scored replies that no answer could be extracted from."""
    return mean_of_questions("extraction_failure_rate", results, lambda result, score: float(score.answer is None))


def truncation_rate(results: Sequence[SampleResult]) -> MetricValue:
    """The share of scored replies that ran into the limit of tokens."""
    return mean_of_questions("truncation_rate", results, lambda result, score: float(result.truncated))
