"""Signs of a broken set-up."""

from __future__ import annotations

import pytest

from pytest_nemo_eval import SampleResult, Score
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.gates import check_shares, find_faults
from pytest_nemo_eval.metrics import Measurements
from pytest_nemo_eval.runs import ModelRecord
from pytest_nemo_eval.scores import Outcome

MODEL = ModelRecord(id="m", url="http://127.0.0.1/v1", protocol="chat")


def replies(n: int = 40, **faults: int) -> Measurements:
    """Replies of which the first so many show a fault."""
    results = []
    for i in range(n):
        error = i < faults.get("errors", 0)
        results.append(
            SampleResult(
                sample_id=str(i),
                target=str(i),
                reply="" if i < faults.get("empty", 0) else "same" if i < faults.get("identical", 0) else f"It is {i}",
                finish_reason="length" if i < faults.get("truncated", 0) else "stop",
                score=None if error else Score(value=1.0, answer=None if i < faults.get("unextracted", 0) else "7"),
                error="HTTP 500" if error else None,
            )
        )
    return measured(*results)


def measured(*results: SampleResult) -> Measurements:
    return Measurements(tuple(map(Outcome.of, results)))


@pytest.mark.parametrize(
    ("replied", "words"),
    [
        (replies(truncated=30), "75% of the replies ran into the limit of tokens (bound: 50%): raise max_new_tokens"),
        (replies(unextracted=25), "62% of the replies held no answer that the scorer could extract (bound: 50%)"),
        (replies(empty=10), "25% of the replies were empty (bound: 20%)"),
        (replies(identical=39), "98% of the replies were one and the same (bound: 95%)"),
        (replies(errors=5), "12% of the samples ended in an error (bound: 10%)"),
    ],
)
def test_each_fault_is_named(replied: Measurements, words: str) -> None:
    (found,) = find_faults(replied, MODEL)
    assert found.startswith(words)
    assert find_faults(replied, MODEL, False) == []


def test_what_is_as_it_should_be_is_no_fault() -> None:
    assert find_faults(replies(truncated=20, unextracted=20, empty=8, errors=4), MODEL) == []
    assert find_faults(replies(10, truncated=10, identical=10), MODEL) == []  # too few to tell


def test_one_right_answer_for_all() -> None:
    results = [
        SampleResult(sample_id=str(i), target="no", reply="no", score=Score(value=1.0, answer="no")) for i in range(40)
    ]
    assert find_faults(measured(*results), MODEL) == []


def test_a_missing_chat_template() -> None:
    model = ModelRecord(id="m", url="http://127.0.0.1/v1", protocol="chat", chat_template=False)
    (found,) = find_faults(replies(), model)
    assert "no chat template" in found
    assert find_faults(replies(), model, {"chat_template": False}) == []
    completions = ModelRecord(id="m", url="http://127.0.0.1/v1", protocol="completions", chat_template=False)
    assert find_faults(replies(), completions) == []


def test_other_bounds() -> None:
    assert find_faults(replies(truncated=30), MODEL, {"truncation_rate": 0.8}) == []
    assert find_faults(replies(truncated=30), MODEL, {"truncation_rate": False}) == []
    assert len(find_faults(replies(truncated=3), MODEL, {"truncation_rate": 0.05})) == 1
    assert len(find_faults(replies(4, truncated=3), MODEL, {"truncation_rate": 0.05})) == 1


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"trunkation_rate": 0.5}, "did you mean truncation_rate"),
        ({"truncation_rate": 50}, "give a share from 0 to 1"),
        ({"chat_template": 0.5}, "give a share from 0 to 1, or false"),
    ],
)
def test_bounds_that_make_no_sense(shares: dict[str, float | bool], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_shares(shares)
