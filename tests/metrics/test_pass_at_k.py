from __future__ import annotations

from itertools import combinations
from math import comb
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.metrics import Measurements
from pytest_nemo_eval.metrics.pass_at_k import pass_at_k, pass_hat_k
from pytest_nemo_eval.scores import Outcome
from tests.metrics.results import result


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=7), st.data())
def test_against_every_way_to_draw(scores: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(scores)))
    results = [result("q", score, repeat) for repeat, score in enumerate(scores)]
    draws = list(combinations([score == 1 for score in scores], k))
    assert pass_at_k(results, k)["q"] == pytest.approx(fmean(map(any, draws)))
    assert pass_hat_k(results, k)["q"] == pytest.approx(fmean(map(all, draws)))


@pytest.mark.parametrize(("n", "c", "k"), [(200, 1, 100), (200, 3, 10), (2000, 50, 1000), (10, 10, 3), (10, 0, 3)])
def test_large_numbers(n: int, c: int, k: int) -> None:
    results = [result("q", float(repeat < c), repeat) for repeat in range(n)]
    assert pass_at_k(results, k)["q"] == pytest.approx(1 - comb(n - c, k) / comb(n, k))
    assert pass_hat_k(results, k)["q"] == pytest.approx(comb(c, k) / comb(n, k), abs=1e-300)


def repeated() -> list[Outcome]:
    """Three questions asked four times, which pass 4, 1 and 0 times; of a fourth, all but one reply are errors."""
    passes = {"a": 4, "b": 1, "c": 0}
    results = [result(q, float(repeat < c), repeat) for q, c in passes.items() for repeat in range(4)]
    return results + [result("d", 1.0 if repeat == 0 else None, repeat) for repeat in range(4)]


def test_over_questions() -> None:
    measurements = Measurements(repeated())
    assert measurements.metric("pass@1").value == pytest.approx((1 + 0.25 + 0 + 1) / 4)
    assert measurements.metric("pass^1").value == measurements.metric("pass@1").value
    two = measurements.metric("pass@2")
    assert (two.n, two.method) == (3, "t")
    assert two.value == pytest.approx((1 + 0.5 + 0) / 3)
    assert measurements.metric("pass^2").value == pytest.approx(1 / 3)
    all_four = measurements.metric("pass@4")
    assert (all_four.n, all_four.method) == (3, "wilson")
    assert all_four.value == pytest.approx(2 / 3)
    assert measurements.question_values("pass@2") == {"a": 1.0, "b": 0.5, "c": 0.0}


def test_more_than_there_are_repeats() -> None:
    with pytest.raises(ConfigError, match=r"pass@5 needs 5 repeats of each question, and there are 4"):
        Measurements(repeated()).metric("pass@5")


def test_in_the_table_only_with_repeats() -> None:
    assert {name for name in Measurements(repeated()).table() if "pass" in name} == {
        "pass@1",
        "pass@4",
        "pass^1",
        "pass^4",
    }
    assert not any("pass" in name for name in Measurements([result(1, 1.0)]).table())


def test_nothing_scored() -> None:
    metric = Measurements([result("q", None, repeat) for repeat in range(2)]).metric("pass@2")
    assert (metric.n, metric.method) == (0, "none")
