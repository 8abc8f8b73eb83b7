from __future__ import annotations

import pytest
from scipy.stats import norm, t

from pytest_nemo_eval.metrics.student import t_quantile, z_quantile


@pytest.mark.parametrize("confidence", [1e-4, 0.5, 0.8, 0.95, 0.99, 0.9999, 1 - 1e-7])
@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 10, 57, 199, 200, 201, 202, 1318, 12_031])
def test_quantiles_are_scipys(confidence: float, degrees: int) -> None:
    assert t_quantile(confidence, degrees) == pytest.approx(
        float(t.ppf((1 + confidence) / 2, degrees)), rel=1e-8, abs=1e-11
    )


@pytest.mark.parametrize("confidence", [0.0, 0.5, 0.95, 0.999])
def test_normal_quantiles_are_scipys(confidence: float) -> None:
    assert z_quantile(confidence) == pytest.approx(float(norm.ppf((1 + confidence) / 2)), rel=1e-12)
