"""Tests of whether paired differences lean to one side, in units drawn independently: exact McNemar, and flipped signs.

Each gives (p that the truth is not lower, p that it is not higher): small where the differences lie below, or above, 0.
"""

from __future__ import annotations

from collections.abc import Sequence

RESAMPLES = 10_000
EXACT = 13
"""Differences up to which all 2^n flips are counted: fewer than the random ones."""
SEED = 20_241_101
CELLS = 1_000_000


def mcnemar(won: int, lost: int) -> tuple[float, float]:
    """The exact test of discordant pairs (McNemar 1947, with the binomial in place of chi squared)."""
    from scipy.special import bdtr

    discordant = won + lost
    return float(bdtr(won, discordant, 0.5)), float(bdtr(lost, discordant, 0.5))


def sign_flips(totals: Sequence[float]) -> tuple[float, float]:
    """The permutation test of paired differences: under no difference each sign could as well be the other.

    All flips are counted where there are few differences; else 10,000 seeded ones, and the data as one more (Phipson
    and Smyth 2010, arXiv 1603.05766), so that no p is 0.

    Args:
        totals: summed differences of each question or cluster.
    """
    import numpy as np

    moved = np.array([total for total in totals if abs(total) > 1e-12])
    observed, rounding = moved.sum(), 1e-9 * np.abs(moved).sum()
    if len(moved) <= EXACT:
        bits = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
        sums, more = (2 * bits - 1) @ moved, 0
    else:
        generator = np.random.default_rng(SEED)
        rows = max(1, CELLS // len(moved))
        sizes = [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]
        sums = np.concatenate([(2.0 * generator.integers(2, size=(size, len(moved))) - 1) @ moved for size in sizes])
        more = 1
    lower = (np.count_nonzero(sums <= observed + rounding) + more) / (len(sums) + more)
    higher = (np.count_nonzero(sums >= observed - rounding) + more) / (len(sums) + more)
    return float(lower), float(higher)
