"""What every scorer keeps to."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_nemo_eval.samples import Sample
from pytest_nemo_eval.scorers import SCORERS, Scorer, create_scorer
from pytest_nemo_eval.scores import Score

USERS_OWN = f"{__name__}:letters"
TARGETS = {"exact": "Paris", "includes": "Paris|New York", "choice": "B", "choice-answer-line": "B", USERS_OWN: "Paris"}
RIGHT = {
    "exact": "paris.",
    "includes": "It is Paris.",
    "numeric": "so 18",
    "numeric-strict": "#### 18",
    "numeric-answer-is": "The answer is $18.00.",
    "choice": "the answer is (B).",
    "choice-answer-line": "**Answer:** B",
    USERS_OWN: "Paris",
}
MEGABYTE = 1_000_000
HOSTILE = [
    " ",
    "\n",
    "1",
    "1 ",
    "$",
    "-$,.",
    "*_",
    "a b ",
    "#### ",
    "#### ,",
    "answer",
    "answer:",
    "answer\n",
    "the answer is ",
    "answer is (",
    "Answer: **",
    "paris-",
    "new york1 ",
    "\ud800",
]
LONG = [unit * (MEGABYTE // len(unit)) for unit in HOSTILE] + [
    start + fill * MEGABYTE for start in ("answer", "answer:", "the answer is") for fill in (" ", "$", "1", "\t*")
]


def letters(sample: Sample, reply: str) -> float:
    return float(sample.target in reply)


def sample_of(scorer: str) -> Sample:
    return Sample(id="1", input="?", target=TARGETS.get(scorer, "18"))


@pytest.fixture(params=[*SCORERS, USERS_OWN])
def scorer(request: pytest.FixtureRequest) -> Scorer:
    return create_scorer(request.param)


def check(score: Score) -> None:
    assert isinstance(score, Score)
    assert 0 <= score.value <= 1
    assert score.answer is not None or score.value == 0
    assert "\n" not in score.explanation


def test_a_right_answer_is_one(scorer: Scorer) -> None:
    score = scorer(sample_of(scorer.name), RIGHT[scorer.name])
    assert score.value == 1
    assert score.answer


@pytest.mark.parametrize("reply", ["", " \n", "\ud800", "Ω 🦆", "$.,", "-", "answer is", "Answer:", "####", "\x00"])
def test_odd_replies_are_wrong(scorer: Scorer, reply: str) -> None:
    score = scorer(sample_of(scorer.name), reply)
    check(score)
    assert score.value == 0


def test_an_empty_reply_is_an_extraction_failure(scorer: Scorer) -> None:
    if scorer.name != USERS_OWN:
        assert scorer(sample_of(scorer.name), "").answer is None


def test_scorers_are_values(scorer: Scorer) -> None:
    assert create_scorer(scorer.name) == scorer
    with pytest.raises(AttributeError):
        scorer.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("index", range(len(LONG)))
def test_a_megabyte_takes_no_longer_than_reading_it(scorer: Scorer, index: int) -> None:
    """A quadratic scorer would need minutes; the bound leaves room for a busy machine."""
    start = time.process_time()
    check(scorer(sample_of(scorer.name), LONG[index]))
    assert time.process_time() - start < 2


@settings(deadline=None, max_examples=50)
@given(reply=st.text() | st.text(alphabet="#$.,-0158 answeris:(B)*_\n\ud800").map("the answer is".__add__))
@pytest.mark.parametrize("name", [*SCORERS, USERS_OWN])
def test_any_text(name: str, reply: str) -> None:
    scorer = create_scorer(name)
    score = scorer(sample_of(name), reply)
    check(score)
    assert scorer(sample_of(name), reply) == score
