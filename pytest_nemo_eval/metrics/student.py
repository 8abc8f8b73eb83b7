"""Student's t, without scipy: importing that costs more than all other statistics of a benchmark."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

SERIES = 200
"""Degrees of freedom up to which the exact series is summed; above, the expansion is right to 9 digits."""


def z_quantile(confidence: float) -> float:
    """The z with P(|Z| <= z) = confidence, for a standard normal Z."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


@lru_cache(maxsize=256)
def t_quantile(confidence: float, degrees: int) -> float:
    """The t with P(|T| <= t) = confidence, for 1 degree of freedom and more.

    Abramowitz and Stegun, Handbook of Mathematical Functions: 26.7.3 and 26.7.4, bisected, and 26.7.5.
    """
    if degrees > SERIES:
        return _expansion(z_quantile(confidence), degrees)
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < confidence else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


def _within(angle: float, degrees: int) -> float:
    """P(|T| <= sqrt(degrees) * tan(angle))."""
    square = math.cos(angle) ** 2
    odd = degrees % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for j in range(1, degrees // 2 + 1):
        total += term
        term *= square * ((2 * j) / (2 * j + 1) if odd else (2 * j - 1) / (2 * j))
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


def _expansion(z: float, degrees: int) -> float:
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / degrees**power for power, term in enumerate(terms, start=1))
