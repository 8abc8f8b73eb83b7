"""p-values from intervals, and of many at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

SMALLEST = 1e-12
LARGEST = 0.4999
STEPS = 40


def one_sided_p(
    interval_at: Callable[[float], tuple[float, float]],
    threshold: float,
    truth: Literal["either", "below", "above"] = "either",
) -> float:
    """The smallest one-sided p at which an interval still speaks against the threshold.

    (1 - c) / 2 for the largest confidence c whose interval excludes it: the test that belongs to the interval.

    Args:
        interval_at: the interval at a confidence; it only widens as that grows.
        truth: the side of the threshold that there is to be evidence for; ``either``: the side of the estimate.

    Returns:
        From 1e-12 to .4999; 1 where the estimate lies on the other side, or on the threshold.
    """

    def excluded(p: float) -> bool:
        lower, upper = interval_at(1 - 2 * p)
        return (truth != "above" and upper < threshold) or (truth != "below" and lower > threshold)

    if not excluded(LARGEST):
        return 1.0
    if excluded(SMALLEST):
        return SMALLEST
    low, high = math.log(SMALLEST), math.log(LARGEST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if excluded(math.exp(middle)) else (middle, high)
    return math.exp(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for how many there are, in their order (S. Holm, Scand. J. Statist. 6, 1979)."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
