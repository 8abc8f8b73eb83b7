from __future__ import annotations

import msgspec
import pytest

from pytest_nemo_eval import Request
from pytest_nemo_eval.errors import RejectedRequestError
from pytest_nemo_eval.interceptors.system_message import SystemMessage, SystemMessageConfig
from tests.interceptors.asking import ask, chat, turns

Turns = list[tuple[str, str]]
USER, NEW, OLD = ("user", "2+2?"), ("system", "Be brief."), ("system", "Be kind.")
ANSWER = ("assistant", "4")


def built(**keys: object) -> SystemMessage:
    return SystemMessage(msgspec.convert(keys, SystemMessageConfig))


@pytest.mark.parametrize(
    ("strategy", "before", "after"),
    [
        ("prepend", [USER], [NEW, USER]),
        ("prepend", [OLD, USER], [NEW, OLD, USER]),
        ("prepend", [], [NEW]),
        ("append", [USER], [USER, NEW]),
        ("append", [OLD, USER, ANSWER, USER], [OLD, USER, ANSWER, USER, NEW]),
        ("append", [], [NEW]),
        ("replace", [USER], [NEW, USER]),
        ("replace", [OLD, USER, OLD, ANSWER, USER], [NEW, USER, ANSWER, USER]),
        ("replace", [OLD], [NEW]),
    ],
)
def test_strategies(strategy: str, before: Turns, after: Turns) -> None:
    sent, response = ask(built(system_message="Be brief.", strategy=strategy), chat(*before))
    assert turns(sent) == after
    assert response.text == "4"


def test_prepend_is_the_default() -> None:
    sent, _ = ask(built(system_message="Be brief."), chat(OLD, USER))
    assert turns(sent) == [NEW, OLD, USER]


def test_a_completion_is_refused_in_words() -> None:
    with pytest.raises(RejectedRequestError, match=r"needs the chat protocol.*leave system_message out"):
        ask(built(system_message="Be brief."), Request(prompt="2+2="))


@pytest.mark.parametrize(
    "keys", [{}, {"system_message": "x", "strategy": "first"}, {"system_message": "x", "stategy": "append"}]
)
def test_keys_are_strict(keys: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        built(**keys)
