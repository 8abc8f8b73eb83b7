"""Scores to numbers with their uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..scores import SampleResult
from .accuracy import accuracy
from .rates import extraction_failure_rate, truncation_rate
from .values import MetricValue

METRICS: Mapping[str, Callable[[Sequence[SampleResult]], MetricValue]] = {
    "accuracy": accuracy,
    "extraction_failure_rate": extraction_failure_rate,
    "truncation_rate": truncation_rate,
}
"""Every metric that a gate may name."""


def compute_metrics(results: Sequence[SampleResult]) -> dict[str, MetricValue]:
    """All metrics of a benchmark's results; errored samples count in none of them."""
    return {name: metric(results) for name, metric in METRICS.items()}


__all__ = ["METRICS", "MetricValue", "compute_metrics"]
