"""A metric's value."""

from __future__ import annotations

import msgspec


class MetricValue(msgspec.Struct, frozen=True):
    """A number with its 95 % interval.

    Attributes:
        n: questions that it is drawn from.
        method: how the interval was computed: wilson, normal, or none.
    """

    name: str
    value: float
    ci_lower: float
    ci_upper: float
    n: int
    method: str
