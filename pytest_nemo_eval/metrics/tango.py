"""Tango's score interval for the difference of two paired shares."""

from __future__ import annotations

import math
from collections.abc import Callable

from .student import z_quantile

STEPS = 60


def tango(won: int, lost: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of (won - lost) / n, for n pairs of 1 and more (T. Tango, Statistics in Medicine 17, 1998).

    All differences whose score statistic is at most z. It holds well for few discordant pairs and for none, where it is
    0 -+ z^2 / (n + z^2).
    """
    z = z_quantile(confidence)
    difference = (won - lost) / n

    def holds(true: float) -> bool:
        return abs(score_statistic(true, won, lost, n)) <= z

    return _edge(difference, -1.0, holds), _edge(difference, 1.0, holds)


def score_statistic(true: float, won: int, lost: int, n: int) -> float:
    """(won - lost - n * true) over its standard deviation where the difference is ``true``."""
    excess = won - lost - n * true
    losses = constrained_losses(true, won, lost, n)
    variance = n * (2 * losses + true * (1 - true))
    if variance <= 1e-12 * n:
        return 0.0 if abs(excess) < 1e-9 * n else math.copysign(math.inf, excess)
    return excess / math.sqrt(variance)


def constrained_losses(true: float, won: int, lost: int, n: int) -> float:
    """The share of lost pairs that is likeliest where the difference is ``true``: a root of a quadratic."""
    linear = (2 * n - won + lost) * true - won - lost
    constant = -lost * true * (1 - true)
    root = (math.sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
    return min(max(root, 0.0, -true), (1 - true) / 2)


def _edge(inside: float, outside: float, holds: Callable[[float], bool]) -> float:
    """Where ``holds`` ends between the two, by bisection."""
    if holds(outside):
        return outside
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside
