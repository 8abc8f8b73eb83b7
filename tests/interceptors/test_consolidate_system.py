from __future__ import annotations

import msgspec
import pytest

from pytest_nemo_eval import Request
from pytest_nemo_eval.interceptors.consolidate_system import ConsolidateSystem, ConsolidateSystemConfig
from tests.interceptors.asking import ask, chat, turns

Turns = list[tuple[str, str]]
A, B, C = ("system", "a"), ("system", "b"), ("system", "")
USER, ANSWER = ("user", "?"), ("assistant", "!")


def built(**keys: object) -> ConsolidateSystem:
    return ConsolidateSystem(msgspec.convert(keys, ConsolidateSystemConfig))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        ([USER], [USER]),
        ([A], [A]),
        ([A, USER], [A, USER]),
        ([USER, A], [A, USER]),
        ([USER, A, ANSWER], [A, USER, ANSWER]),
        ([A, B, USER], [("system", "a\n\nb"), USER]),
        ([B, USER, ANSWER, A], [("system", "b\n\na"), USER, ANSWER]),
        ([USER, A, USER, B, USER], [("system", "a\n\nb"), USER, USER, USER]),
        ([A, C, B], [("system", "a\n\n\n\nb")]),
        ([("developer", "a"), A, USER], [A, ("developer", "a"), USER]),
    ],
)
def test_one_system_message_in_front(before: Turns, after: Turns) -> None:
    sent, _ = ask(built(), chat(*before))
    assert turns(sent) == after


def test_another_separator() -> None:
    sent, _ = ask(built(separator=" | "), chat(A, B, USER))
    assert turns(sent) == [("system", "a | b"), USER]


def test_a_completion_has_nothing_to_join() -> None:
    request = Request(prompt="2+2=", parameters={"n": 1})
    assert ask(built(), request)[0] is request


@pytest.mark.parametrize("keys", [{"sep": "x"}, {"separator": None}])
def test_keys_are_strict(keys: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        built(**keys)
