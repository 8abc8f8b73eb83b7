"""Scores to numbers with their uncertainty, and two models' numbers to what lies between them."""

from __future__ import annotations

from .evidence import holm, one_sided_p
from .measurements import Measurements
from .names import canonical, check_metric, has_no_interval, higher_is_better, is_share
from .noise import RerunNoise, rerun_noise
from .paired import Comparison, compare, questions_needed, relative_contrast
from .values import Method, MetricValue

__all__ = [
    "Comparison",
    "Measurements",
    "Method",
    "MetricValue",
    "RerunNoise",
    "canonical",
    "check_metric",
    "compare",
    "has_no_interval",
    "higher_is_better",
    "holm",
    "is_share",
    "one_sided_p",
    "questions_needed",
    "relative_contrast",
    "rerun_noise",
]
