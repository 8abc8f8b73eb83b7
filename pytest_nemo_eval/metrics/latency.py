"""Seconds from sending a request to having the whole reply, over samples that got one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..scores import SampleResult
from .means import question_means
from .quantiles import order_interval, quantile
from .questions import unit_count
from .values import Method, MetricValue


def latency_mean(results: Sequence[SampleResult]) -> dict[str, float]:
    """Seconds of a reply."""
    return question_means(results, lambda result: result.seconds if result.seconds > 0 else None)


def latency_percentile(
    name: str, results: Sequence[SampleResult], share: float, clusters: Mapping[str, str], confidence: float
) -> MetricValue | None:
    """A percentile over all replies, in seconds; None without replies.

    The interval is one of order statistics, in which a question with its repeats, or a cluster, counts as one draw.
    """
    replied = [result for result in results if result.seconds > 0]
    if not replied:
        return None
    ordered = sorted(result.seconds for result in replied)
    questions = {result.sample_id for result in replied}
    value = quantile(ordered, share)
    found = order_interval(ordered, unit_count(questions, clusters), share, confidence)
    lower, upper = found or (value, value)
    method: Method = "order" if found else "none"
    return MetricValue(name, value, lower, upper, len(questions), method, confidence=confidence)
