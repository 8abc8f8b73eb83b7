from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.metrics import Measurements, MetricValue
from pytest_nemo_eval.metrics.intervals import IntervalKind, wilson
from pytest_nemo_eval.metrics.names import FIXED
from pytest_nemo_eval.scores import Outcome
from tests.metrics.results import full, result

SHARES = [
    "accuracy",
    "extraction_failure_rate",
    "truncation_rate",
    "error_rate",
    "empty_reply_rate",
    "identical_reply_rate",
]


def test_gsm8k_of_the_recordings() -> None:
    metric = Measurements([result(n, float(n < 742)) for n in range(1319)]).metric("accuracy")
    assert (metric.n, metric.method, metric.confidence) == (1319, "wilson", 0.95)
    assert metric.value == pytest.approx(0.562547, abs=1e-6)
    assert metric.stderr == pytest.approx(0.013664, abs=1e-6)
    assert (metric.ci_lower, metric.ci_upper) == pytest.approx((0.5356327, 0.5890988), abs=1e-7)


def test_repeats_are_averaged_by_question_first() -> None:
    halves = [result(n, float(repeat < n), repeat) for n in range(9) for repeat in range(8)]
    metric = Measurements(halves).metric("accuracy")
    assert (metric.n, metric.method) == (9, "t")
    assert metric.stderr == pytest.approx(np.std(np.arange(9) / 8, ddof=1) / 3)
    alike = Measurements([result(n, float(n < 6), repeat) for n in range(10) for repeat in range(8)]).metric("accuracy")
    assert (alike.ci_lower, alike.ci_upper, alike.method) == (*wilson(6, 10), "wilson")


def test_uneven_repeats_weigh_each_question_once() -> None:
    results = [result(1, 1.0, 0), result(1, 1.0, 1), result(1, 1.0, 2), result(2, 0.0)]
    assert Measurements(results).metric("accuracy").value == 0.5


def test_the_rates() -> None:
    results = [
        result(1, 1.0, reply=" A\n"),
        result(2, None, reason="length"),
        result(3, 0.0, answer=None, reason="length", reply=" \n"),
        result(4, 0.0, reply="A"),
        result(5, 0.0, reply="B"),
    ]
    found = {name: (metric.value, metric.n) for name, metric in Measurements(results).table().items()}
    assert found == {
        "accuracy": (0.25, 4),
        "extraction_failure_rate": (0.25, 4),
        "truncation_rate": (0.25, 4),
        "error_rate": (0.2, 5),
        "empty_reply_rate": (0.25, 4),
        "identical_reply_rate": (0.5, 4),
    }


@pytest.mark.parametrize("results", [[], [result(1, None)]])
def test_nothing_scored_is_no_evidence(results: list[Outcome]) -> None:
    table = Measurements(results).table()
    assert list(table) == SHARES
    errors = table.pop("error_rate")
    assert (errors.value, errors.n) == (float(len(results)), len(results))
    for metric in table.values():
        assert (metric.ci_lower, metric.ci_upper, metric.n, metric.method) == (0.0, 1.0, 0, "none")
        assert metric.interval == (-float("inf"), float("inf"))


def test_clusters_are_used_where_results_have_them() -> None:
    def of(cluster: str) -> Measurements:
        return Measurements([result(n, float(n % 7 < 4), cluster=cluster and f"{cluster} {n // 4}") for n in range(40)])

    alone, together = of("").metric("accuracy"), of("passage").metric("accuracy")
    assert (alone.method, together.method) == ("wilson", "clustered")
    assert alone.value == together.value
    assert of("passage").clusters["39"] == "passage 9"
    assert of("").clusters == {}


def test_everything_that_can_be_measured() -> None:
    measurements = Measurements(full(), seconds=10.0)
    table = measurements.table()
    assert list(table) == list(FIXED)
    assert all(measurements.metric(name) == metric for name, metric in table.items())
    values = {name: (round(metric.value, 9), metric.n, metric.method) for name, metric in table.items()}
    assert values["prompt_tokens"] == (119.5, 40, "t")
    assert values["completion_tokens"] == (195.0, 40, "t")
    assert values["latency_mean"] == (20.5, 40, "t")
    assert values["latency_p50"] == (20.5, 40, "order")
    assert values["latency_p90"] == (36.1, 40, "order")
    assert values["latency_p99"] == (39.61, 40, "none")
    assert values["first_token_mean"] == (0.5, 40, "t")
    assert values["first_token_p50"] == (0.5, 40, "order")
    assert values["first_token_p99"] == (0.5, 40, "none")
    assert values["samples_per_second"] == (4.0, 40, "none")
    assert values["tokens_per_second"] == (780.0, 40, "none")
    assert values["identical_reply_rate"] == (0.2, 40, "wilson")
    assert (table["latency_p50"].ci_lower, table["latency_p50"].ci_upper) == (14.0, 27.0)
    assert table["latency_p50"].interval == (14.0, 27.0)
    assert table["latency_p99"].ci_lower == table["latency_p99"].ci_upper == table["latency_p99"].value


def test_tokens_and_seconds_only_of_replies_that_have_them() -> None:
    results = [result(1, 1.0, tokens=(10, 5), seconds=2.0), result(2, None), result(3, None, tokens=(30, 7), seconds=4)]
    table = Measurements(results, seconds=2.0).table()
    assert (table["prompt_tokens"].value, table["prompt_tokens"].n) == (20, 2)
    assert (table["latency_mean"].value, table["latency_mean"].n) == (3, 2)
    assert (table["samples_per_second"].value, table["tokens_per_second"].value) == (0.5, 6.0)


def test_the_first_token_of_replies_that_were_streamed() -> None:
    outcomes = [result(n, 1.0, seconds=2.0, first_token=n / 10) for n in range(11)]
    table = Measurements(outcomes).table()
    assert table["first_token_mean"].value == pytest.approx(0.55)
    assert (table["first_token_p50"].value, table["first_token_p90"].n) == (0.55, 10)
    assert not any("first_token" in name for name in Measurements(outcomes[:1]).table())


def test_categories_and_the_worst() -> None:
    results = []
    for category, right in (("a", 9), ("b", 5), ("c", 7)):
        results += [result(f"{category}{n}", float(n < right), category=category) for n in range(10)]
    results.append(result("x", 0.0))
    results.append(result("broken", None, category="d"))
    measurements = Measurements(results)
    assert list(measurements.categories()) == ["a", "b", "c", "d"]
    assert measurements.categories()["b"] == measurements.metric("accuracy[b]")
    assert measurements.metric("accuracy[a]").value == 0.9
    assert (measurements.metric("accuracy[b]").ci_lower, measurements.metric("accuracy[b]").n) == (wilson(5, 10)[0], 10)
    worst = measurements.metric("worst_category_accuracy")
    level = 1 - 0.05 / 3
    assert (worst.value, worst.n, worst.method) == (0.5, 10, "simultaneous")
    assert (worst.ci_lower, worst.ci_upper) == wilson(5, 10, level)
    assert measurements.question_values("accuracy[b]") == {f"b{n}": float(n < 5) for n in range(10)}


def test_the_worst_may_be_any_category() -> None:
    """The category with few questions reaches lower than the one that came out lowest."""
    results = [result(f"a{n}", float(n % 2), category="a") for n in range(100)]
    results += [result(f"b{n}", float(n > 0), category="b") for n in range(3)]
    worst = Measurements(results).metric("worst_category_accuracy")
    assert (worst.value, worst.n) == (0.5, 100)
    assert worst.ci_lower == pytest.approx(wilson(2, 3, 0.975)[0])
    assert worst.ci_upper == pytest.approx(wilson(50, 100, 0.975)[1])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("accuracy[laws]", r"there is no category laws; did you mean law\?"),
        ("accuracy[zzz]", "there is no category zzz; there are algebra, law"),
        ("acuracy", r"did you mean accuracy\?"),
        ("samples_per_second", "it is not known how long the benchmark took"),
    ],
)
def test_metrics_that_results_do_not_have(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Measurements(full()).metric(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("prompt_tokens", "no reply came with its number of tokens"),
        ("tokens_per_second", "no reply came with its number of tokens"),
        ("latency_mean", "no reply came with its seconds"),
        ("latency_p50", "no reply came with its seconds"),
        ("first_token_mean", "no reply was streamed"),
        ("first_token_p90", "no reply was streamed"),
        ("worst_category_accuracy", "it takes categories in which something was scored"),
        ("accuracy[law]", "these results have no categories"),
        ("pass@2", "needs 2 repeats of each question, and there are 1"),
    ],
)
def test_metrics_that_plain_results_do_not_have(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Measurements([result(1, 1.0)], seconds=1.0).metric(name)


@pytest.mark.parametrize("name", ["latency_p50", "samples_per_second", "worst_category_accuracy"])
def test_what_is_no_mean_over_questions(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is no mean over questions: question by question there is accuracy,"):
        Measurements(full(), 1.0).question_values(name)


def test_question_values() -> None:
    measurements = Measurements(full(4))
    assert measurements.question_values("acc") == {"0": 0.0, "1": 1.0, "2": 1.0, "3": 0.0}
    assert measurements.question_values("latency_mean") == {"0": 1.0, "1": 2.0, "2": 3.0, "3": 4.0}
    assert measurements.question_values("error_rate") == dict.fromkeys("0123", 0.0)
    with pytest.raises(ConfigError, match="no reply came with its seconds"):
        Measurements([result(1, 1.0)]).question_values("latency_mean")


def test_confidence_and_bootstrap() -> None:
    auto, resampled = Measurements(full()), Measurements(full(), interval="bootstrap")
    narrow = auto.metric("accuracy", 0.5)
    assert narrow.confidence == 0.5
    assert (narrow.ci_lower, narrow.ci_upper) == wilson(26, 40, 0.5)
    found = resampled.metric("accuracy")
    assert found.method == "bootstrap"
    assert (found.ci_lower, found.ci_upper) == pytest.approx(wilson(26, 40), abs=0.03)
    assert resampled.metric("worst_category_accuracy").method == "simultaneous"
    assert resampled.metric("error_rate").method == "wilson"  # nothing to resample


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.3, 1.0, None]), st.booleans()), max_size=20),
    st.sampled_from(["auto", "bootstrap"]),
)
def test_every_metric_lies_in_its_interval(values: list[tuple[int, float | None, bool]], kind: IntervalKind) -> None:
    results = [
        result(
            sample,
            value,
            n,
            category=str(sample % 2),
            cluster="c" if sample > 2 else "",
            seconds=float(timed),
            first_token=n * timed / 100,
        )
        for n, (sample, value, timed) in enumerate(values)
    ]
    for name, metric in Measurements(results, 1.0, kind).table().items():
        assert metric.name == name
        assert metric.ci_lower <= metric.ci_upper
        assert metric.ci_lower - 1e-12 <= metric.value <= metric.ci_upper + 1e-12
        if not name.endswith("second") and not name.startswith(("latency", "first_token")):
            assert 0 <= metric.ci_lower < metric.ci_upper <= 1


def test_repeats_count_as_one_draw_in_percentiles() -> None:
    once = Measurements([result(n, 1.0, seconds=1.0 + n) for n in range(50)]).metric("latency_p90")
    thrice = [result(n, 1.0, repeat, seconds=1.0 + n) for n in range(50) for repeat in range(3)]
    repeated = Measurements(thrice).metric("latency_p90")
    assert (repeated.ci_lower, repeated.ci_upper, repeated.n) == (once.ci_lower, once.ci_upper, 50)


def test_a_value_is_a_plain_struct() -> None:
    short = MetricValue("accuracy", 0.5, 0.4, 0.6, 100, "wilson")
    assert (short.stderr, short.confidence, short.interval) == (0.0, 0.95, (0.4, 0.6))


def test_no_scipy_for_a_plain_benchmark() -> None:
    code = (
        "import sys\n"
        "from pytest_nemo_eval.metrics import Measurements\n"
        "from tests.metrics.results import full\n"
        "Measurements(full(), 10.0).table()\n"
        "sys.exit(any(name in sys.modules for name in ('scipy', 'numpy')))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
