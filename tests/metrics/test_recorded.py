"""The figures of shared/notes/scoring.md for the four models recorded on gsm8k."""

from __future__ import annotations

import pytest

from pytest_nemo_eval.metrics import Measurements, compare, questions_needed
from pytest_nemo_eval.metrics.intervals import student_t
from pytest_nemo_eval.metrics.questions import Questions
from tests.metrics.results import recorded_gsm8k, result

BIG, BIG_TUNED, SMALL = "openai-175b_verification", "openai-175b_finetuning", "openai-6b_verification"


def test_a_model_alone() -> None:
    values = recorded_gsm8k()[BIG]
    questions = Questions(tuple(values.values()))
    assert (questions.n, questions.mean, questions.stderr) == pytest.approx((1319, 0.562547, 0.013664), abs=1e-6)
    assert student_t(questions) == pytest.approx((0.535741, 0.589354), abs=1e-6)
    metric = Measurements([result(question, value) for question, value in values.items()]).metric("accuracy")
    assert (metric.value, metric.stderr, metric.method) == (questions.mean, questions.stderr, "wilson")


def test_175_billion_verified_against_fine_tuned() -> None:
    models = recorded_gsm8k()
    found = compare("accuracy", models[BIG_TUNED], models[BIG])
    assert found.difference == pytest.approx(0.215315, abs=1e-6)
    assert found.stderr == pytest.approx(0.014684, abs=1e-6)
    assert (found.n, found.won, found.lost) == (1319, 360, 76)
    assert found.p_worse > 0.999
    assert found.p_two_sided < 1e-40
    assert found.stderr**2 * found.n == pytest.approx(0.2844, abs=5e-5)
    assert found.mde == pytest.approx(0.041, abs=5e-4)
    assert found.mde * (1319 / 164) ** 0.5 == pytest.approx(0.117, abs=5e-4)
    assert questions_needed(found, 0.03) == 2481
    assert questions_needed(found, 0.015) == 9922


def test_6_billion_verified_against_175_billion_fine_tuned() -> None:
    models = recorded_gsm8k()
    found = compare("accuracy", models[SMALL], models[BIG_TUNED])
    assert found.difference == pytest.approx(-0.043215, abs=1e-6)
    assert found.stderr == pytest.approx(0.014361, abs=1e-6)
    assert (found.lost, found.won) == (209, 152)
    assert found.p_worse == pytest.approx(0.001575, abs=1e-6)
    assert found.ci_upper < 0
