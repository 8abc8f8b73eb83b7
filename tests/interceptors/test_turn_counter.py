from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from pytest_nemo_eval import Request
from pytest_nemo_eval.errors import RejectedRequestError
from pytest_nemo_eval.interceptors import turn_counter
from pytest_nemo_eval.interceptors.turn_counter import TurnCounter, TurnCounterConfig
from tests.interceptors.asking import ask, chat, turns

SYSTEM, USER, ANSWER = ("system", "Be brief."), ("user", "?"), ("assistant", "!")
SAMPLE = chat(SYSTEM, USER).replace(sample_id="s1")


def built(**keys: object) -> TurnCounter:
    return TurnCounter(msgspec.convert(keys, TurnCounterConfig))


def told(interceptor: TurnCounter, times: int, request: Request = SAMPLE) -> list[str]:
    """The last message of each of so many turns."""
    return [ask(interceptor, request)[0].messages[-1].text for _ in range(times)]


@pytest.mark.parametrize(
    ("most", "quiet", "warned", "urgent"),
    [(1, 0, 0, 1), (2, 1, 0, 1), (4, 3, 0, 1), (5, 3, 1, 1), (10, 7, 2, 1), (20, 15, 3, 2), (40, 31, 6, 3)],
)
def test_threshold(most: int, quiet: int, warned: int, urgent: int) -> None:
    words = told(built(max_turns=most), most)
    assert words[:quiet] == ["?"] * quiet
    assert all(text.startswith("This is turn") for text in words[quiet : quiet + warned])
    assert [text.startswith("URGENT: this is turn") for text in words].count(True) == urgent
    assert words[-1].startswith(f"URGENT: this is turn {most} of {most}, 0 left.")


@pytest.mark.parametrize(("interval", "reminded"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4]), (5, [5]), (9, [])])
def test_periodic(interval: int, reminded: list[int]) -> None:
    words = told(built(max_turns=5, trigger="periodic", interval=interval), 5)
    assert [turn for turn, text in enumerate(words, 1) if text.startswith("Reminder:")] == reminded
    assert all(f"{5 - turn} turns are left" in words[turn - 1] for turn in reminded)


WORDS = "Reminder: 2 turns are left to finish the task."


@pytest.mark.parametrize(
    ("position", "before", "after"),
    [
        ("system_message", [SYSTEM, USER], [SYSTEM, USER, ("system", WORDS)]),
        ("new_user_message", [SYSTEM, USER], [SYSTEM, USER, ("user", WORDS)]),
        ("user_message", [SYSTEM, USER], [SYSTEM, ("user", f"?\n\n{WORDS}")]),
        ("user_message", [USER, ANSWER, USER, ANSWER], [USER, ANSWER, ("user", f"?\n\n{WORDS}"), ANSWER]),
        ("user_message", [("user", "")], [("user", WORDS)]),
        ("user_message", [SYSTEM], [SYSTEM, ("user", WORDS)]),
        ("system_message", [], [("system", WORDS)]),
    ],
)
def test_positions(position: str, before: Any, after: Any) -> None:
    sent, _ = ask(built(max_turns=3, position=position, trigger="periodic"), chat(*before))
    assert turns(sent) == after


def test_beyond_the_last_turn_a_request_is_refused() -> None:
    interceptor = built(max_turns=2)
    told(interceptor, 2)
    for turn in (3, 4):
        with pytest.raises(RejectedRequestError, match=rf"turn {turn} of at most 2 \(max_turns\)"):
            ask(interceptor, SAMPLE)
    assert interceptor.report() == {"turns": 2, "most_turns": 2, "refused": 2}


def test_conversations_are_counted_apart() -> None:
    interceptor = built(max_turns=2)
    requests = [
        SAMPLE,
        SAMPLE.replace(sample_id="s2"),
        SAMPLE.replace(repeat=1),
        chat(SYSTEM, USER),
        chat(SYSTEM, ("user", "another question")),
    ]
    for request in requests:
        told(interceptor, 2, request)
    assert interceptor.report() == {"turns": 10, "most_turns": 2, "refused": 0}


def test_a_conversation_of_the_user_s_own_is_known_by_its_first_question() -> None:
    interceptor = built(max_turns=3)
    for request in (chat(USER), chat(USER, ANSWER, USER), chat(SYSTEM, USER, ANSWER, ("user", "more"))):
        ask(interceptor, request)
    assert interceptor.report()["most_turns"] == 3


def test_long_resting_conversations_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_counter, "_MOST_CONVERSATIONS", 2)
    interceptor = built(max_turns=9)
    for name in ("s1", "s2", "s1", "s3", "s1", "s2"):
        ask(interceptor, SAMPLE.replace(sample_id=name))
    assert interceptor.report()["most_turns"] == 3
    ask(interceptor, SAMPLE.replace(sample_id="s2"))
    assert interceptor.report()["most_turns"] == 3


def test_a_conversation_that_ended_begins_anew() -> None:
    interceptor = built(max_turns=2)
    told(interceptor, 2)
    interceptor.forget("s1", 0)
    told(interceptor, 2)
    interceptor.forget("s2", 0)
    assert interceptor.report() == {"turns": 4, "most_turns": 2, "refused": 0}


def test_turns_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "pytest_nemo_eval.requests"):
        told(built(max_turns=4, every=2), 4)
        told(built(max_turns=4), 4)
    assert [record.message for record in caplog.records] == [
        "turn 2 of 4 of sample 's1', repeat 0",
        "turn 4 of 4 of sample 's1', repeat 0",
    ]


def test_a_completion_is_refused_in_words() -> None:
    with pytest.raises(RejectedRequestError, match=r"needs the chat protocol.*leave turn_counter out"):
        ask(built(max_turns=2), Request(prompt="2+2="))


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"max_turns": None},
        {"max_turns": 0},
        {"max_turns": 3, "interval": 0},
        {"max_turns": 3, "position": "tool_message"},
        {"max_turns": 3, "trigger": "always"},
        {"max_turns": 3, "every": 0},
    ],
)
def test_keys_are_strict(keys: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        built(**keys)
