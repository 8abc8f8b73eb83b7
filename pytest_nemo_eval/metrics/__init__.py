"""Scores to numbers with their uncertainty."""

from __future__ import annotations

from .measurements import Measurements
from .names import canonical, check_metric, higher_is_better
from .values import Method, MetricValue

__all__ = ["Measurements", "Method", "MetricValue", "canonical", "check_metric", "higher_is_better"]
