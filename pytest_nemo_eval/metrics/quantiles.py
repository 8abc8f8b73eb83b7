"""Quantiles, and intervals for them that suppose nothing of the distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate


def quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile of sorted values, at least one, between neighbours by linear interpolation (as numpy has it)."""
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def order_ranks(n: int, share: float, confidence: float) -> tuple[int, int] | None:
    """The ranks, from 1, between whose values a quantile of n draws lies with at least this confidence.

    How many of n draws lie below the quantile is binomial (H. A. David, Order Statistics, 7.1): each rank leaves at
    most half of what the confidence leaves. None where even the smallest and the largest value leave more: the 99th
    percentile needs 368 draws for 95 %.
    """
    tail = (1 - confidence) / 2
    below = list(accumulate(_binomial(n, share)))
    lower = sum(total <= tail for total in below)
    upper = next((k + 1 for k, total in enumerate(below) if total >= 1 - tail), n + 1)
    return None if lower < 1 or upper > n else (lower, upper)


def order_interval(ordered: Sequence[float], units: int, share: float, confidence: float) -> tuple[float, float] | None:
    """The interval of a quantile from sorted values, or None where there are too few.

    Args:
        units: how many were drawn independently, at most as many as there are values. Repeats of a question count as
            one draw: right where they are all alike, and wider than need be where they are not.
    """
    ranks = order_ranks(units, share, confidence)
    if ranks is None:
        return None
    each = len(ordered) / units
    return ordered[math.floor((ranks[0] - 1) * each)], ordered[math.ceil(ranks[1] * each) - 1]


def _binomial(n: int, share: float) -> list[float]:
    """The probabilities of 0 to n."""
    whole = math.lgamma(n + 1)
    hit, miss = math.log(share), math.log1p(-share)
    return [
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * hit + (n - k) * miss) for k in range(n + 1)
    ]
