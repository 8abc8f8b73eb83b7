"""95 % intervals of a mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

Z = NormalDist().inv_cdf(0.975)


def wilson(successes: float, n: int) -> tuple[float, float]:
    """Wilson's score interval of a share, for n of 1 and more (E. B. Wilson, JASA 22, 1927)."""
    share = min(1.0, successes / n)
    centre = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def normal(values: Sequence[float]) -> tuple[float, float]:
    """The interval of a mean by the central limit theorem, with n - 1, for two values and more."""
    mean = fmean(values)
    half = Z * stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half
