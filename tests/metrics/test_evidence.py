from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, ttest_1samp
from statsmodels.stats.multitest import multipletests

from pytest_nemo_eval.metrics import holm, one_sided_p
from pytest_nemo_eval.metrics.evidence import SMALLEST
from pytest_nemo_eval.metrics.intervals import student_t, wilson
from pytest_nemo_eval.metrics.questions import Questions


@settings(max_examples=10)  # statsmodels takes its time
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())


def test_nothing_to_adjust() -> None:
    assert holm([]) == []


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.55, 0.6])
def test_the_p_of_students_interval_is_that_of_the_t_test(threshold: float) -> None:
    values = np.random.default_rng(5).beta(2, 1, 30)
    questions = Questions(tuple(values.tolist()))
    expected = ttest_1samp(values, threshold, alternative="greater").pvalue
    assert one_sided_p(lambda c: student_t(questions, c), threshold) == pytest.approx(expected, rel=1e-5)


def test_the_p_of_wilsons_interval_is_that_of_the_score_test() -> None:
    expected = norm.sf((0.6 - 0.5) / np.sqrt(0.25 / 200))
    assert one_sided_p(lambda c: wilson(120, 200, c), 0.5) == pytest.approx(expected, rel=1e-6)


def test_sides() -> None:
    def interval(confidence: float) -> tuple[float, float]:
        return wilson(120, 200, confidence)

    assert one_sided_p(interval, 0.5, "above") == one_sided_p(interval, 0.5) < 0.01
    assert one_sided_p(interval, 0.5, "below") == 1.0
    assert one_sided_p(interval, 0.7, "below") == one_sided_p(interval, 0.7) < 0.01
    assert one_sided_p(interval, 0.7, "above") == 1.0
    assert one_sided_p(interval, 0.6) == 1.0


def test_the_ends() -> None:
    assert one_sided_p(lambda confidence: (0.5, 0.6), 0.1) == SMALLEST
    assert one_sided_p(lambda confidence: (-np.inf, np.inf), 0.1) == 1.0
