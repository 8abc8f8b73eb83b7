from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from pytest_nemo_eval.metrics.tango import constrained_losses, score_statistic, tango

Z = 1.959963984540054


def likeliest_losses(true: float, won: int, lost: int, n: int) -> float:
    """The constrained maximum of the likelihood, by search."""

    def minus_log_likelihood(losses: float) -> float:
        shares = [losses + true, losses, 1 - 2 * losses - true]
        counts = [won, lost, n - won - lost]
        return -sum(c * math.log(max(s, 1e-300)) for c, s in zip(counts, shares, strict=True) if c)

    bounds = (max(0.0, -true), (1 - true) / 2)
    return float(minimize_scalar(minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x)


@pytest.mark.parametrize(("won", "lost", "n"), [(12, 20, 100), (3, 0, 30), (0, 1, 44), (360, 76, 1319), (5, 5, 12)])
@pytest.mark.parametrize("true", [-0.4, -0.1, -0.001, 0.05, 0.3, 0.7])
def test_the_constrained_likelihood_is_maximised(won: int, lost: int, n: int, true: float) -> None:
    assert constrained_losses(true, won, lost, n) == pytest.approx(likeliest_losses(true, won, lost, n), abs=1e-6)


@pytest.mark.parametrize(
    ("won", "lost", "n"), [(12, 20, 100), (3, 0, 30), (0, 1, 44), (360, 76, 1319), (209, 152, 999)]
)
def test_the_statistic_is_z_at_both_ends(won: int, lost: int, n: int) -> None:
    for end in tango(won, lost, n):
        losses = likeliest_losses(end, won, lost, n)
        variance = n * (2 * losses + end - end * end)
        assert abs(won - lost - n * end) / math.sqrt(variance) == pytest.approx(Z, rel=1e-4)


@pytest.mark.parametrize("n", [1, 5, 44, 1319])
def test_without_discordant_pairs(n: int) -> None:
    assert tango(0, 0, n) == pytest.approx((-(Z**2) / (n + Z**2), Z**2 / (n + Z**2)))


@pytest.mark.parametrize("n", [1, 5, 200])
def test_all_pairs_won(n: int) -> None:
    lower, upper = tango(n, 0, n)
    assert upper == 1
    assert lower == pytest.approx((n - Z**2) / (n + Z**2))
    assert score_statistic(1.0, n, 0, n) == 0
    assert math.isinf(score_statistic(1.0, n - 1, 0, n))


@given(st.integers(1, 60), st.data(), st.floats(0.001, 0.999))
def test_it_holds_the_difference_and_is_symmetric(n: int, data: st.DataObject, confidence: float) -> None:
    won = data.draw(st.integers(0, n))
    lost = data.draw(st.integers(0, n - won))
    lower, upper = tango(won, lost, n, confidence)
    assert -1 <= lower <= (won - lost) / n <= upper <= 1
    assert lower < upper
    mirrored = tango(lost, won, n, confidence)
    assert (-mirrored[1], -mirrored[0]) == pytest.approx((lower, upper), abs=1e-9)
    wider = tango(won, lost, n, (1 + confidence) / 2)
    assert wider[0] <= lower + 1e-12
    assert upper - 1e-12 <= wider[1]
