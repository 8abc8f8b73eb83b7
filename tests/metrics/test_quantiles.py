from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from pytest_nemo_eval.metrics.quantiles import order_interval, order_ranks, quantile


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.floats(0, 1))
def test_quantiles_are_numpys(values: list[float], share: float) -> None:
    assert quantile(sorted(values), share) == pytest.approx(float(np.quantile(values, share)), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(("n", "share"), [(6, 0.5), (100, 0.5), (1319, 0.9), (36, 0.9), (12_032, 0.99), (400, 0.99)])
def test_ranks_leave_at_most_half_on_each_side(n: int, share: float, confidence: float) -> None:
    ranks = order_ranks(n, share, confidence)
    tail = (1 - confidence) / 2
    if ranks is None:
        assert min(share**n, (1 - share) ** n) > tail or share**n > tail or (1 - share) ** n > tail
        return
    lower, upper = ranks
    assert binom.cdf(lower - 1, n, share) <= tail < binom.cdf(lower, n, share)
    assert binom.sf(upper - 1, n, share) <= tail < binom.sf(upper - 2, n, share)


def test_a_published_interval() -> None:
    """A median of 10: the 2nd and the 9th value hold it with 97.9 % (David, Order Statistics, 7.1)."""
    assert order_ranks(10, 0.5, 0.95) == (2, 9)
    assert order_interval(range(10, 20), 10, 0.5, 0.95) == (11, 18)


@pytest.mark.parametrize(("share", "enough"), [(0.5, 6), (0.9, 36), (0.99, 368)])
def test_too_few_draws_have_no_interval(share: float, enough: int) -> None:
    assert order_ranks(enough - 1, share, 0.95) is None
    assert order_ranks(enough, share, 0.95) is not None


def test_repeats_that_are_all_alike_change_nothing() -> None:
    seconds = sorted(float(n) for n in range(50))
    tripled = sorted(seconds * 3)
    assert order_interval(tripled, 50, 0.9, 0.95) == order_interval(seconds, 50, 0.9, 0.95)
    uneven = sorted([*seconds, 0.0, 0.0])
    assert order_interval(uneven, 50, 0.9, 0.95) is not None
