from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_nemo_eval import BenchmarkResult, GateResult, RunRecord, SampleResult, Score, Tier, Verdict
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.evaluation import MeasuredFloat, explain, headline
from pytest_nemo_eval.evaluation.recording import counts_of
from pytest_nemo_eval.metrics import Measurements
from pytest_nemo_eval.runs import ModelRecord, RunStatus
from pytest_nemo_eval.runs.record import BenchmarkRecord
from pytest_nemo_eval.scores import Outcome

RECORD = RunRecord(
    status=RunStatus.FINISHED,
    item="item",
    started="2026-11-23T12:00:00+00:00",
    benchmark=BenchmarkRecord(
        name="gsm8k",
        variant="lm-eval",
        version="1",
        samples=4,
        repeats=1,
        num_fewshot=5,
        reference_fewshot=5,
        scorer="numeric",
        parameters={},
        data="test.jsonl",
        data_fingerprint="d",
        prompt_fingerprint="p",
    ),
    model=ModelRecord(id="llama", url="http://127.0.0.1/v1", protocol="chat"),
)
HOSTILE = [
    "\n",
    "\r\n\t",
    "\x1b[31mred\x1b[0m",
    "\x00\x07\x08",
    "\u2028\u2029\x85",
    "\u202eevil",
    "\ud800",
    "'\"\\",
    "",
]


def sample(
    name: str,
    value: float | None,
    *,
    answer: str | None = "7",
    reply: str = "It is 7",
    question: str = "3+4?",
    target: str = "7",
    finish_reason: str = "stop",
) -> SampleResult:
    return SampleResult(
        sample_id=name,
        input=question,
        target=target,
        reply=reply,
        score=None if value is None else Score(value=value, answer=answer),
        error="HTTP 500" if value is None else None,
        finish_reason=finish_reason,
    )


def result_of(
    *results: SampleResult, gates: Sequence[GateResult] = (), notes: Sequence[str] = (), folder: str = "eval-runs/1"
) -> BenchmarkResult:
    outcomes = tuple(map(Outcome.of, results))
    return BenchmarkResult(
        item="item",
        benchmark="gsm8k:lm-eval",
        model="llama",
        measured=Measurements(outcomes),
        results=results,
        folder=Path(folder),
        record=msgspec.structs.replace(RECORD, counts=counts_of(outcomes)),
        gates=tuple(gates),
        notes=tuple(notes),
    )


@pytest.fixture
def half() -> BenchmarkResult:
    """Two of four are right; a fifth ended in an error."""
    return result_of(
        sample("a", 1.0),
        sample("b", 0.0, answer="8"),
        sample("c", None),
        sample("d", 0.0, answer=None, finish_reason="length"),
        sample("e", 1.0),
    )


def test_what_tests_look_at(half: BenchmarkResult) -> None:
    assert half.accuracy == 0.5
    assert half["extraction_failure_rate"] == half["truncation_rate"] == 0.25
    assert (half.n, half.errors, half.extraction_failures, half.truncated) == (4, 1, 1, 1)
    assert repr(half) == "<gsm8k:lm-eval on llama: accuracy 0.5000, n = 4>"


def test_a_metric_that_is_not_there(half: BenchmarkResult) -> None:
    with pytest.raises(ConfigError, match=r"there is no metric acuracy; did you mean accuracy\?"):
        half["acuracy"]


@pytest.mark.parametrize("compare", [operator.ge, operator.gt, operator.le, operator.lt, operator.eq, operator.ne])
@pytest.mark.parametrize("other", [0, 0.25, 0.5, 0.75, 1, True, float("inf"), float("nan"), Fraction(1, 3)])
def test_comparisons_are_those_of_a_float(
    half: BenchmarkResult, compare: Callable[[object, object], bool], other: float | Fraction
) -> None:
    assert compare(half.accuracy, other) is compare(0.5, other)
    assert compare(other, half.accuracy) is compare(other, 0.5)


@pytest.mark.parametrize(
    ("check", "conditions"),
    [
        (lambda value: value >= 0.55, ["accuracy >= 0.55"]),
        (lambda value: value > 0.1, ["accuracy > 0.1"]),
        (lambda value: value <= 1, ["accuracy <= 1"]),
        (lambda value: value < 0.9, ["accuracy < 0.9"]),
        (lambda value: value <= 0.123456789, ["accuracy <= 0.123457"]),
        (lambda value: 0.1 < value < 0.9, ["accuracy > 0.1", "accuracy < 0.9"]),
        (lambda value: 0.1 <= value <= 1, ["accuracy >= 0.1", "accuracy <= 1"]),
        (lambda value: value >= 0.2 and value >= 0.2, ["accuracy >= 0.2"]),
        (lambda value: value == 0.5, []),
        (lambda value: value >= Fraction(1, 3), []),
        (lambda value: value + 0.1 >= 0.2, []),
    ],
)
def test_what_a_metric_was_held_against_is_noted(
    half: BenchmarkResult, check: Callable[[MeasuredFloat], bool], conditions: list[str]
) -> None:
    check(half.accuracy)
    assert half.compared == conditions


def test_conditions_of_several_metrics(half: BenchmarkResult) -> None:
    assert half.accuracy >= 0.2
    assert half["truncation_rate"] <= 0.3
    assert half.compared == ["accuracy >= 0.2", "truncation_rate <= 0.3"]
    assert result_of(sample("a", 1.0)).compared == []


def test_a_metric_leads_back_to_its_result(half: BenchmarkResult) -> None:
    value = half["truncation_rate"]
    assert isinstance(value, MeasuredFloat)
    assert value.result is half
    assert value.metric == half.metrics["truncation_rate"]


@pytest.mark.parametrize("again", [*(lambda v, p=p: pickle.loads(pickle.dumps(v, p)) for p in range(6)), copy.deepcopy])
def test_a_metric_crosses_processes_as_a_plain_float(
    half: BenchmarkResult, again: Callable[[MeasuredFloat], object]
) -> None:
    value = again(half.accuracy)
    assert type(value) is float
    assert value == 0.5


def test_the_worst_samples_come_lowest_first_and_then_in_order() -> None:
    values = [0.5, 1.0, 0.0, None, 0.25, 0.0, 0.99]
    result = result_of(*(sample(str(index), value) for index, value in enumerate(values)))
    assert [one.sample_id for one in result.worst()] == ["2", "5", "4", "0", "6"]
    assert [one.sample_id for one in result.worst(2)] == ["2", "5"]
    assert [one.sample_id for one in result.worst(99)] == ["2", "5", "4", "0", "6"]
    assert result_of(sample("a", 1.0), sample("b", None)).worst() == []


def test_missed_gates() -> None:
    gates = [GateResult("accuracy >= 0.5", verdict, Tier.SUPPORTING, "") for verdict in Verdict]
    assert [gate.verdict for gate in result_of(sample("a", 1.0), gates=gates).missed()] == [
        Verdict.FAIL,
        Verdict.INCONCLUSIVE,
    ]


def test_headline(half: BenchmarkResult) -> None:
    assert headline(half, half.metrics["accuracy"]) == (
        "gsm8k:lm-eval on llama: accuracy is 0.5000 (95 % interval 0.1500 to 0.8500, n = 4)"
    )
    nothing = result_of(sample("a", None))
    assert headline(nothing, nothing.metrics["accuracy"]) == "gsm8k:lm-eval on llama: accuracy is 0.0000 (n = 0)"


def test_explain() -> None:
    result = result_of(
        sample("a", 1.0),
        sample("b", 0.0, answer="8", question="3\n +  4?", reply="Let me see.\nIt is 8."),
        sample("c", None),
        sample("d", 0.0, answer=None, reply="", finish_reason="length"),
        notes=["0 worked examples before each question; the reference has 5"],
    )
    assert explain(result) == [
        "answers that could not be extracted: 1, errored samples: 1, truncated replies: 1",
        "0 worked examples before each question; the reference has 5",
        "lowest scored samples:",
        "  [b] '3 + 4?'",
        "      wanted '7', got '8'; the reply ends: 'Let me see. It is 8.'",
        "  [d] '3+4?'",
        "      wanted '7', nothing could be extracted; the reply ends: ''",
        "Run: eval-runs/1",
    ]


def test_nothing_to_explain() -> None:
    assert explain(result_of(sample("a", 1.0))) == [
        "answers that could not be extracted: 0, errored samples: 0, truncated replies: 0",
        "Run: eval-runs/1",
    ]


def test_long_texts_are_cut_where_they_tell_least() -> None:
    long = sample("b", 0.0, question="Q" + "q" * 500, reply="r" * 500 + "R", target="T" + "t" * 500, answer="A" * 500)
    _, _, question, words, _ = explain(result_of(long))
    assert question == f"  [b] 'Q{'q' * 119}...'"
    assert f"wanted 'T{'t' * 59}...', got '{'A' * 60}...'; " in words
    assert words.endswith(f"the reply ends: '...{'r' * 119}R'")


def test_no_more_than_five_samples_are_explained() -> None:
    lines = explain(result_of(*(sample(str(n), 0.0) for n in range(20))))
    assert sum(line.startswith("  [") for line in lines) == 5


@given(text=st.text() | st.text(alphabet="".join(HOSTILE)))
@example(text="".join(HOSTILE))
@example(text="\x1b]0;title\x07" * 1000)
def test_what_a_model_writes_is_one_printable_line(text: str) -> None:
    lines = explain(result_of(sample(text, 0.0, question=text, reply=text, target=text, answer=text)))
    assert len(lines) == 5
    for line in lines:
        assert line.isprintable()
        assert len(line) < 1000
