"""A metric's value."""

from __future__ import annotations

from typing import Literal

import msgspec

Method = Literal["wilson", "normal", "none"]


class MetricValue(msgspec.Struct, frozen=True):
    """A number with its 95 % interval.

    Attributes:
        n: questions that it is drawn from; with 0 of them the interval is all of 0 to 1.
        method: how the interval was computed: ``wilson``, ``normal`` (central limit theorem), or ``none``.
    """

    name: str
    value: float
    ci_lower: float
    ci_upper: float
    n: int
    method: Method
