"""A metric's value."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

Method = Literal["wilson", "t", "clustered", "bootstrap", "order", "simultaneous", "none"]


class MetricValue(msgspec.Struct, frozen=True):
    """A number with its interval.

    Attributes:
        n: questions that it is drawn from; of worst_category_accuracy those of that category, of a speed replies.
        method: how the interval was computed: ``wilson``, ``t`` (Student's), ``clustered`` (Student's t with a
            cluster-robust error), ``bootstrap`` (percentile), ``order`` (order statistics, for percentiles),
            ``simultaneous`` (Bonferroni over categories), or ``none``: then the bounds are the value itself, or all of
            0 to 1 with n = 0.
        stderr: the standard error of a mean; 0 where there is none.
        confidence: of the interval.
    """

    name: str
    value: float
    ci_lower: float
    ci_upper: float
    n: int
    method: Method
    stderr: float = 0.0
    confidence: float = 0.95

    @property
    def interval(self) -> tuple[float, float]:
        """The interval as evidence: without bounds where none could be drawn."""
        return (-math.inf, math.inf) if self.method == "none" else (self.ci_lower, self.ci_upper)
