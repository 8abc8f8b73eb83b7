from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval.errors import ScorerError
from pytest_nemo_eval.samples import Sample
from pytest_nemo_eval.scorers import create_scorer
from pytest_nemo_eval.scorers.numeric import last_number, to_number
from tests.shared_data import RECORDED_GSM8K, shared_rows, text

LM_EVAL_FLEXIBLE = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")


def verdict(scorer: str, target: str, reply: str) -> tuple[float, str | None]:
    score = create_scorer(scorer)(Sample(id="1", input="?", target=target), reply)
    return score.value, score.answer


@pytest.mark.parametrize(
    ("target", "reply", "expected"),
    [
        ("40000", "makes 40,000", (1, "40,000")),
        ("40,000", "$40000.00", (1, "$40000.00")),
        ("18", "She has 18.", (1, "18.")),
        ("18", "18 eggs, then 3", (0, "3")),
        ("2", "200", (0, "200")),
        ("200", "2", (0, "2")),
        ("20", "2", (0, "2")),
        ("-5", "it is -5", (1, "-5")),
        ("5", "it is -5", (0, "-5")),
        ("18", "so 18. Well...", (0, None)),
        ("18", "prices in $.,", (0, None)),
        ("18", "1.8.0", (0, None)),
        ("0", "0" * 500 + "5", (0, None)),
        ("18", "no number", (0, None)),
    ],
)
def test_flexible(target: str, reply: str, expected: tuple[float, str | None]) -> None:
    assert verdict("numeric", target, reply) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [("#### 18", (1, "18")), ("#### 18\n#### 19", (1, "18")), ("18", (0, None)), ("####18", (0, None))],
)
def test_strict(reply: str, expected: tuple[float, str | None]) -> None:
    assert verdict("numeric-strict", "18", reply) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("The answer is 18", (1, "18")),
        ("THE ANSWER IS **$18.00** dollars, not 3", (1, "$18.00")),
        ("Answer:\n18", (1, "18")),
        ("answer : \\boxed{18}", (1, "18")),
        ("The answer is 3. No: the answer is 18", (0, "3")),
        ("What the answer is.\nThe answer is 18", (0, None)),
        ("18", (0, None)),
    ],
)
def test_announced(reply: str, expected: tuple[float, str | None]) -> None:
    assert verdict("numeric-answer-is", "18", reply) == expected


@pytest.mark.parametrize("target", ["", "eighteen", "1/2", "nan", "Infinity"])
def test_a_target_that_is_no_number_cannot_be_ruled_on(target: str) -> None:
    with pytest.raises(ScorerError, match="no number"):
        verdict("numeric", target, "18")


@given(st.text(alphabet="-$.,0123 a\n", max_size=30) | st.text())
def test_reading_backwards_finds_the_references_last_match(reply: str) -> None:
    matches = [match[0] for match in LM_EVAL_FLEXIBLE.finditer(reply)]
    assert last_number(reply) == (matches[-1] if matches else None)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_numbers_with_separators_are_the_same_number(number: object) -> None:
    assert to_number(f"${number:,}") == to_number(f"{number}") == number
    assert to_number(f"{number}0.") == number


@given(st.text())
def test_any_text_is_a_number_or_none(value: str) -> None:
    number = to_number(value)
    assert number is None or number.is_finite()


def test_the_recordings() -> None:
    scorer = create_scorer("numeric")
    right: Counter[str] = Counter()
    count = 0
    for row in shared_rows(RECORDED_GSM8K):
        score = scorer(Sample(id="1", input="?", target=text(row["target"])), text(row["output"]))
        assert score.value == row["ref_correct"], row
        right[text(row["model"])] += int(score.value)
        count += 1
    assert count == 5276
    assert right == {
        "openai-6b_finetuning": 286,
        "openai-6b_verification": 515,
        "openai-175b_finetuning": 458,
        "openai-175b_verification": 742,
    }
