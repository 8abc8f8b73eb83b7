"""What a session comes to."""

from __future__ import annotations

import pytest

from pytest_nemo_eval.gates import Decision
from pytest_nemo_eval.plugin.outcome import Kind
from pytest_nemo_eval.plugin.tally import Tally
from pytest_nemo_eval.report import Row


def tally(*finished: str, expected: tuple[str, ...] = ("a", "b"), verdict: str = "pass") -> Tally:
    made = Tally()
    made.expected = set(expected)
    made.finished = set(finished)
    for item in finished:
        made.kinds[item] = Kind.PASSED if verdict == "pass" else Kind.FAILED
        made.rows.append((item, Row(benchmark=item, verdict=verdict, threshold="accuracy >= 0.5")))
    return made


def test_a_session_that_was_cut_short_is_no_go_ahead() -> None:
    verdict = tally("a").close()
    assert verdict is not None
    assert verdict.decision is Decision.NO_VERDICT
    assert verdict.reasons == ("the session ended before 1 items had: b",)
    whole = tally("a", "b").close()
    assert whole is not None
    assert whole.decision is Decision.GO


def test_a_failure_stands_however_the_session_ended() -> None:
    verdict = tally("a", verdict="fail").close()
    assert verdict is not None
    assert verdict.decision is Decision.NO_GO


@pytest.mark.parametrize(("code", "wanted"), [(0, 3), (1, 7), (2, 2), (4, 4)])
def test_exit_codes_of_a_session_that_was_cut_short(code: int, wanted: int) -> None:
    made = tally("a")
    assert made.exit_code(code, made.close()) == wanted
