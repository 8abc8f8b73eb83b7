from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval.benchmarks import get_benchmark
from pytest_nemo_eval.config.settings import DatasetSettings
from pytest_nemo_eval.datasets import load_samples, resolve
from pytest_nemo_eval.datasets.files import Row, read_rows
from pytest_nemo_eval.errors import DatasetError
from tests.shared_data import RECORDED_MMLU_PRO, shared_data, shared_rows

MMLU_PRO = get_benchmark("mmlu_pro")
ROW: Row = {
    "question_id": 70,
    "question": "Which? ",
    "options": ["this", "that", "both"],
    "answer": "C",
    "answer_index": 2,
    "category": "computer science",
    "cot_content": "A: Let's think step by step. Both. The answer is (C).",
}


def test_the_prompt_with_a_worked_example() -> None:
    shot = MMLU_PRO.make_sample(ROW, 0)
    question = "Question:\nWhich?\nOptions:\nA. this\nB. that\nC. both\nAnswer: Let's think step by step."
    assert MMLU_PRO.make_prompt(shot, [shot]) == (
        "The following are multiple choice questions (with answers) about computer science. Think step by step and "
        'then finish your answer with "the answer is (X)" where X is the correct letter choice.\n'
        f"{question} Both. The answer is (C).\n\n{question}"
    )


def test_simple_evals_prompt() -> None:
    variant = get_benchmark("mmlu_pro:nvidia-simple-evals")
    assert variant.make_prompt(MMLU_PRO.make_sample(ROW, 0), ()) == (
        "Answer the following multiple choice question. The last line of your response should be of the following "
        "format: 'Answer: $LETTER' (without quotes) where LETTER is one of ABC. Think step by step before answering."
        "\n\nWhich?\n\nA) this\nB) that\nC) both"
    )


def test_a_row() -> None:
    sample = MMLU_PRO.make_sample(ROW, 3)
    assert (sample.id, sample.input, sample.target, sample.choices, sample.category) == (
        "70",
        "Which?",
        "C",
        ("this", "that", "both"),
        "computer science",
    )


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"answer": "b"}, "B"),
        ({"answer": None}, "C"),
        ({"answer": "both"}, "C"),
        ({"answer": 0}, "A"),
        ({"answer": None, "target": "A"}, "A"),
        ({"answer": "", "answer_index": "1"}, "B"),
        ({"answer": "1", "answer_index": None}, "B"),
        ({"answer": " c ", "answer_index": ""}, "C"),
    ],
)
def test_targets(change: Row, target: str) -> None:
    assert MMLU_PRO.make_sample({**ROW, **change}, 0).target == target


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": "AB", "answer_index": None}, "row 3: answer should be one of the letters ABC"),
        ({"answer": "D", "answer_index": 3}, "row 3: answer should be one of the letters ABC"),
        (
            {"answer": "1", "answer_index": None, "options": ["0", "1", "2"]},
            "row 3: answer should be one of the letters",
        ),
        ({"options": "['this' + 'that']"}, "row 3: options should be a list"),
        ({"options": "[1, __import__('os')]"}, "row 3: options should be a list"),
        ({"options": "{'this': 'that'}"}, "row 3: options should be a list"),
        ({"options": [{"text": "this"}]}, "row 3: an option should be a text"),
        ({"options": None}, "row 3: options should be a list.*not nothing"),
        ({"question": ["Which?"]}, "row 3: question or prompt should be a text"),
        ({"answer": None, "answer_index": None}, "row 3 has no value in the column answer"),
        ({"options": "this, that"}, "row 3: options should be a list"),
        ({"options": []}, "row 3: options should be a list"),
        ({"options": ["x"] * 11}, "row 3: options should be a list"),
        ({"question": None}, "row 3 has no value in the column question or prompt"),
    ],
)
def test_broken_rows(change: Row, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        MMLU_PRO.make_sample({**ROW, **change}, 2)


@pytest.mark.parametrize(
    "options",
    [
        """["it's", "a \\"b\\"", "c, d"]""",
        """["it's", 'a "b"', 'c, d']""",
        """["it's" 'a "b"'\n 'c, d']""",
        str(["it's", 'a "b"', "c, d"]),
    ],
)
def test_options_as_text(options: str) -> None:
    """As JSON, as Python prints a list, and as numpy prints an array, which pandas writes of parquet's lists."""
    assert MMLU_PRO.make_sample({**ROW, "options": options}, 0).choices == ("it's", 'a "b"', "c, d")


@pytest.mark.parametrize("options", [{}, {"options": ""}])
def test_options_in_columns(options: Row) -> None:
    row = {name: value for name, value in ROW.items() if name != "options"}
    letters: Row = {"A": "this", "B": "", "C": 3, "D": "", "E": None}
    assert MMLU_PRO.make_sample({**row, **letters, **options}, 0).choices == ("this", "", "3")


@pytest.mark.parametrize("variant", ["lm-eval", "nvidia-simple-evals"])
def test_a_prompt_that_holds_its_options_is_asked_as_it_is(variant: str) -> None:
    benchmark = get_benchmark(f"mmlu_pro:{variant}")
    prompt = "Answer with a letter.\nWhich?\nA) this\nJ) that"
    sample = benchmark.make_sample({"sample_id": "x", "prompt": prompt, "question": "Which?", "target": "j"}, 0)
    assert benchmark.make_prompt(sample, ()) == prompt
    assert (sample.target, sample.choices) == ("J", ())
    assert benchmark.choose_shots(sample, [MMLU_PRO.make_sample({**ROW, "category": ""}, 0)], 5) == ()
    with pytest.raises(DatasetError, match="one of the letters ABCDEFGHIJ"):
        benchmark.make_sample({"prompt": prompt, "target": "K"}, 0)


def test_a_table_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text("question_id,question,options,answer,answer_index\n7,Which?,\"['this', 'that']\",,1\n7,What?,,B,\n")
    rows = [{**row, "A": "x", "B": "y"} for row in read_rows(path)]
    samples = load_samples(rows, MMLU_PRO.make_sample, {}, (), None)
    assert [(s.id, s.target, s.choices) for s in samples] == [("7", "B", ("this", "that")), ("7#2", "B", ("x", "y"))]


@given(st.text(alphabet="[]'\",\\ ab\n", max_size=40) | st.text(max_size=20).map(lambda text: f"[{text!r}]"))
def test_any_text_is_options_or_an_error(text: str) -> None:
    try:
        sample = MMLU_PRO.make_sample({**ROW, "options": text, "answer": "A"}, 0)
    except DatasetError:
        return
    msgspec.json.encode(sample)


def test_examples_are_of_the_same_category() -> None:
    law = [MMLU_PRO.make_sample({**ROW, "category": "law"}, n) for n in range(3)]
    math = [MMLU_PRO.make_sample({**ROW, "category": "math"}, n) for n in range(7)]
    chosen = MMLU_PRO.choose_shots(math[0], [*law, *math], 5)
    assert list(chosen) == math[:5]
    assert list(MMLU_PRO.choose_shots(law[0], [*law, *math], 5)) == law


def test_the_real_data() -> None:
    source = resolve("mmlu_pro", MMLU_PRO.data, DatasetSettings(), shared_data())
    samples = load_samples(source.rows(), MMLU_PRO.make_sample, {}, (), None)
    assert len(samples) == 12032
    assert len({sample.category for sample in samples}) == 14
    assert len(load_samples(source.rows(), MMLU_PRO.make_sample, {}, ["law", "math"], 20)) == 20


def test_a_recording_serves_as_data() -> None:
    samples = load_samples(shared_rows(RECORDED_MMLU_PRO), MMLU_PRO.make_sample, {}, (), None)
    assert (len(samples), samples[0].id, samples[0].target) == (350, "mmlu_pro-3139", "I")
