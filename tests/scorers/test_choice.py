from __future__ import annotations

import pytest

from pytest_nemo_eval.samples import Sample
from pytest_nemo_eval.scorers import create_scorer
from tests.shared_data import RECORDED_MMLU_PRO, shared_rows, text


def answer(scorer: str, reply: str) -> str | None:
    return create_scorer(scorer)(Sample(id="1", input="?", target="B"), reply).answer


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("the answer is (B).", "B"),
        ("The answer is B", "B"),
        ("the answer is (A). No, the answer is (B).", "A"),
        ("Answer: B", None),
        ("the answer is K", None),
        ("the answer is b", None),
    ],
)
def test_answer_is(reply: str, letter: str | None) -> None:
    assert answer("choice", reply) == letter


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("Answer: B", "B"),
        ("**Answer:** B", "B"),
        ("**Answer**: *b*", "B"),
        ("Answer: **B**", None),  # a blank and two marks are one too many for the reference
        ("answer :\n\n  B.", "B"),
        ("Answer: A\nAnswer: B", "A"),
        ("Answer: Because", None),
        ("Answer: (B)", None),
        ("The answer is (B)", None),
    ],
)
def test_answer_line(reply: str, letter: str | None) -> None:
    assert answer("choice-answer-line", reply) == letter


def test_the_recording() -> None:
    scorer = create_scorer("choice")
    right = count = 0
    for row in shared_rows(RECORDED_MMLU_PRO):
        score = scorer(Sample(id="1", input="?", target=text(row["target"])), text(row["output"]))
        assert score.value == row["ref_correct"], row
        assert score.answer == row["ref_extracted"]
        right += int(score.value)
        count += 1
    assert (right, count) == (156, 350)
