"""The percentile bootstrap of a mean."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from .questions import Questions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 10_000
SEED = 20_241_101
CELLS = 1_000_000
"""Values drawn at a time: about 30 MB."""


def percentile_bootstrap(questions: Questions, confidence: float = 0.95) -> tuple[float, float]:
    """The percentile interval of the mean over 10,000 seeded resamples (Efron 1979), of whole clusters where there are.

    It is too narrow for few units: for 20 questions it holds about 93 times in 100 instead of 95.
    """
    import numpy as np

    means = _resampled(tuple(questions.totals))
    lower, upper = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(lower), float(upper)


@lru_cache(maxsize=4)
def _resampled(totals: tuple[tuple[float, int], ...]) -> NDArray[np.float64]:
    """Means of resamples; kept, since p-values ask for many levels of confidence of the same data."""
    import numpy as np

    generator = np.random.default_rng(SEED)
    sums, sizes = (np.array(column, dtype=np.float64) for column in zip(*totals, strict=True))
    rows = max(1, CELLS // len(totals))
    means = []
    for start in range(0, RESAMPLES, rows):
        drawn = generator.integers(len(totals), size=(min(rows, RESAMPLES - start), len(totals)))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(means)
