"""How often something happened to a reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..scores import SampleResult
from .intervals import wilson
from .values import MetricValue


def extraction_failure_rate(results: Sequence[SampleResult]) -> MetricValue:
    """The share of scored replies that no answer could be extracted from."""
    return _rate("extraction_failure_rate", results, lambda result: bool(result.score and result.score.answer is None))


def truncation_rate(results: Sequence[SampleResult]) -> MetricValue:
    """The share of scored replies that ran into the limit of tokens."""
    return _rate("truncation_rate", results, lambda result: result.truncated)


def _rate(name: str, results: Sequence[SampleResult], happened: Callable[[SampleResult], bool]) -> MetricValue:
    scored = [result for result in results if result.score is not None]
    if not scored:
        return MetricValue(name, 0.0, 0.0, 1.0, 0, "none")
    count = sum(happened(result) for result in scored)
    lower, upper = wilson(count, len(scored))
    return MetricValue(name, count / len(scored), lower, upper, len(scored), "wilson")
