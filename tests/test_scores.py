"""What metrics need of a sample, without its texts."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval.chat import Usage
from pytest_nemo_eval.scores import Outcome, SampleResult, Score

RESULT = SampleResult(
    sample_id="q1",
    repeat=2,
    input="3+4?",
    target="7",
    category="sums",
    cluster="page 3",
    prompt="0123456789abcdef",
    score=Score(value=0.5, answer="7"),
    reply="It is 7\n",
    finish_reason="length",
    usage=Usage(10, 4),
    seconds=1.5,
    first_token_seconds=0.25,
)


def test_what_is_kept() -> None:
    kept = Outcome.of(RESULT)
    same = ("sample_id", "repeat", "category", "cluster", "prompt", "seconds", "first_token_seconds")
    assert [getattr(kept, name) for name in same] == [getattr(RESULT, name) for name in same]
    assert (kept.value, kept.extracted, kept.truncated, kept.blank) == (0.5, True, True, False)
    assert (kept.prompt_tokens, kept.completion_tokens) == (10, 4)


@pytest.mark.parametrize(
    ("score", "value", "extracted"),
    [(None, None, False), (Score(value=0, answer=None), 0.0, False), (Score(value=0, answer=""), 0.0, True)],
)
def test_errors_and_answers_that_were_not_found(score: Score | None, value: float | None, extracted: bool) -> None:
    kept = Outcome.of(msgspec.structs.replace(RESULT, score=score))
    assert (kept.value, kept.extracted) == (value, extracted)


@pytest.mark.parametrize(("reply", "blank"), [("", True), (" \n\t\u00a0", True), (" a ", False)])
def test_blank_replies(reply: str, blank: bool) -> None:
    assert Outcome.of(msgspec.structs.replace(RESULT, reply=reply)).blank is blank


@given(st.text(), st.text())
def test_digests_are_equal_where_replies_are(one: str, other: str) -> None:
    first, second = (Outcome.of(SampleResult(sample_id="q", reply=text, target=text)) for text in (one, other))
    assert (first.reply_digest == second.reply_digest) == (one.strip() == other.strip())
    assert (first.target_digest == second.target_digest) == (one == other)


def test_half_a_surrogate_pair_is_what_a_run_has_of_it() -> None:
    digests = {Outcome.of(SampleResult(sample_id="q", reply=text)).reply_digest for text in ("a\ud800", "a?")}
    assert len(digests) == 1


def test_digests_are_the_same_in_every_process() -> None:
    code = (
        "from pytest_nemo_eval.scores import Outcome, SampleResult\n"
        "print(Outcome.of(SampleResult(sample_id='q', reply=' It is 7')).reply_digest)"
    )
    outcome = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(outcome.stdout) == Outcome.of(RESULT).reply_digest


def test_names_are_kept_once() -> None:
    categories = [Outcome.of(msgspec.structs.replace(RESULT, category="".join(["su", "ms"]))) for _ in range(2)]
    assert categories[0].category is categories[1].category
