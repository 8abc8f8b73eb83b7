from __future__ import annotations

import pytest

from pytest_nemo_eval.benchmarks import get_benchmark
from pytest_nemo_eval.config.settings import DatasetSettings
from pytest_nemo_eval.datasets import load_samples, resolve
from pytest_nemo_eval.datasets.files import Row
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
    ],
)
def test_targets(change: Row, target: str) -> None:
    assert MMLU_PRO.make_sample({**ROW, **change}, 0).target == target


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": "AB", "answer_index": None}, "row 3: answer should be one of the letters ABC"),
        ({"answer": "D", "answer_index": 3}, "row 3: answer should be one of the letters ABC"),
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
