from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval.benchmarks import Benchmark, custom_benchmark
from pytest_nemo_eval.chat import Json
from pytest_nemo_eval.datasets.files import Row
from pytest_nemo_eval.errors import ConfigError, DatasetError
from pytest_nemo_eval.scorers import create_scorer


def make(prompt: str) -> Benchmark:
    return custom_benchmark("mine", prompt, create_scorer("exact"))


def test_a_declaration() -> None:
    benchmark = make("{context}\nQ: {question} {{JSON}}\nA:")
    row: Row = {"context": "C{x}", "question": "?", "answer": "x|y", "id": 3, "category": "c", "choices": ["x", 1]}
    sample = benchmark.make_sample(row, 0)
    assert benchmark.full_name == "mine"
    assert (sample.id, sample.target, sample.category, sample.choices) == ("3", "x|y", "c", ("x", "1"))
    assert sample.input == "C{x}\nQ: ? {JSON}\nA:"
    assert benchmark.make_prompt(sample, ()) == sample.input
    assert benchmark.make_prompt(sample, [sample]) == f"{sample.input} x\n\n{sample.input}"
    assert benchmark.generation.max_tokens == 256


def test_what_a_row_need_not_have() -> None:
    sample = make("{q}").make_sample({"q": "?", "target": 4, "category": None}, 7)
    assert (sample.id, sample.target, sample.category, sample.choices) == ("7", "4", "", ())


@pytest.mark.parametrize(
    "prompt",
    ["{q.__class__}", "{q[0]}", "{q!r}", "{q:>10}", "{q:{w}}", "{}", "{0}", "{ q }", "{q", "}", "{q-r}", "none"],
)
def test_only_plain_columns(prompt: str) -> None:
    with pytest.raises(ConfigError, match="the prompt of mine"):
        make(prompt)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "?", "answer": "x"}, "row 3 has no value in the column q; it has question, answer"),
        ({"q": None, "answer": "x"}, "row 3 has no value in the column q; it has answer"),
        ({"q": "?"}, "row 3 has no value in the column answer or target; it has q"),
    ],
)
def test_a_column_that_is_missing(row: Row, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        make("{q}").make_sample(row, 2)


@pytest.mark.parametrize(
    "row",
    [
        {"q": ["a", "b"], "answer": "x"},
        {"q": {"text": "a"}, "answer": "x"},
        {"q": [{"role": "user", "content": [{"type": "text", "text": "a"}]}], "answer": "x"},
        {"q": [{"role": "user", "content": "a"}, {"role": "user", "content": None}], "answer": "x"},
        {"q": [{"role": "system", "content": "a"}], "answer": "x"},
        {"q": [], "answer": "x"},
        {"q": "a", "answer": ["x", "y"]},
        {"q": "a", "answer": {"value": "x"}},
        {"q": "a", "answer": [{"role": "user", "content": "x"}]},
    ],
)
def test_what_is_no_text_is_neither_asked_nor_right(row: Row) -> None:
    with pytest.raises(DatasetError, match=r"row 3: (q|answer or target) should be a text, not [\[{]"):
        make("{q}").make_sample(row, 2)


def test_the_last_user_turn_is_asked() -> None:
    turns: list[Json] = [
        {"role": "user", "content": "1+1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "And 2+2?"},
        {"role": "assistant", "content": "It is"},
    ]
    assert make("Q: {q}").make_sample({"q": turns, "answer": "4"}, 0).input == "Q: And 2+2?"


@given(prompt=st.text() | st.text(alphabet="{}q.[]!:r0 "), value=st.text())
def test_any_template_is_filled_or_refused(prompt: str, value: str) -> None:
    try:
        benchmark = make(prompt)
    except ConfigError:
        return
    try:
        sample = benchmark.make_sample({"q": value, "r": value, "answer": "x"}, 0)
    except DatasetError:
        return
    assert value in sample.input
