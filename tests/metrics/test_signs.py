from __future__ import annotations

from itertools import product
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, permutation_test
from statsmodels.stats.contingency_tables import mcnemar as reference

from pytest_nemo_eval.metrics.signs import EXACT, RESAMPLES, mcnemar, sign_flips


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (1, 0), (5, 5), (3, 12), (152, 209), (360, 76), (0, 40)])
def test_mcnemar_is_the_exact_one(won: int, lost: int) -> None:
    lower, higher = mcnemar(won, lost)
    if won + lost:
        assert lower == pytest.approx(binomtest(lost, won + lost, alternative="greater").pvalue)
        assert higher == pytest.approx(binomtest(won, won + lost, alternative="greater").pvalue)
    two_sided = reference([[10, won], [lost, 10]], exact=True).pvalue
    assert min(1.0, 2 * min(lower, higher)) == pytest.approx(min(1.0, two_sided))


@given(st.lists(st.sampled_from([-1.0, -0.3, 0.0, 0.1, 0.2, 0.3]), max_size=8))
def test_few_differences_are_flipped_in_every_way(totals: list[float]) -> None:
    sums = [sum(s * t for s, t in zip(signs, totals, strict=True)) for signs in product([-1, 1], repeat=len(totals))]
    lower, higher = sign_flips(totals)
    assert lower == pytest.approx(fmean(s <= sum(totals) + 1e-9 for s in sums))
    assert higher == pytest.approx(fmean(s >= sum(totals) - 1e-9 for s in sums))


@pytest.mark.parametrize("n", [2, 9, EXACT])
def test_exact_p_values_are_scipys(n: int) -> None:
    totals = np.random.default_rng(n).normal(0.3, 1, n)
    lower, higher = sign_flips(totals.tolist())
    for p, alternative in ((lower, "less"), (higher, "greater")):
        found = permutation_test(
            (totals,), np.sum, permutation_type="samples", n_resamples=2**n, alternative=alternative
        )
        assert p == pytest.approx(found.pvalue)


@pytest.mark.parametrize("n", [EXACT + 1, 60, 400])
def test_random_p_values_are_near_scipys(n: int) -> None:
    totals = np.random.default_rng(n).normal(0.1, 1, n)
    lower, higher = sign_flips(totals.tolist())
    found = permutation_test(
        (totals,),
        np.sum,
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        alternative="greater",
        random_state=np.random.default_rng(1),
    )
    assert higher == pytest.approx(found.pvalue, abs=0.02)
    assert lower + higher == pytest.approx(1, abs=2e-4)
    assert sign_flips(totals.tolist()) == (lower, higher)


def test_no_p_value_is_zero() -> None:
    assert sign_flips([1.0 + n / 1000 for n in range(300)]) == (1.0, 1 / (RESAMPLES + 1))
    assert sign_flips([0.0] * 300) == (1.0, 1.0)
    assert sign_flips([-0.5]) == (0.5, 1.0)
