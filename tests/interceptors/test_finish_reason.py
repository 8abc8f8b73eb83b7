from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pytest_nemo_eval import Request, Response
from pytest_nemo_eval.chat import Usage
from pytest_nemo_eval.interceptors.finish_reason import FinishReason, FinishReasonConfig
from tests.interceptors.asking import ask


def answer(reason: str | None, tokens: int, text: str = "4") -> Response:
    return Response(text=text, finish_reason=reason, usage=Usage(7, tokens))


@pytest.mark.parametrize(
    ("parameters", "reason", "tokens", "after"),
    [
        ({"max_tokens": 5}, "stop", 4, "stop"),
        ({"max_tokens": 5}, "stop", 5, "length"),
        ({"max_tokens": 5}, "stop", 6, "length"),
        ({"max_completion_tokens": 5}, "stop", 5, "length"),
        ({"max_completion_tokens": 9, "max_tokens": 5}, "stop", 5, "stop"),
        ({"max_completion_tokens": 5, "max_tokens": 9}, "stop", 5, "length"),
        ({"max_completion_tokens": None, "max_tokens": 5}, "stop", 5, "length"),
        ({"max_tokens": 5}, "length", 5, "length"),
        ({"max_tokens": 5}, "tool_calls", 5, "tool_calls"),
        ({"max_tokens": 5}, "content_filter", 5, "content_filter"),
        ({"max_tokens": 5}, None, 5, None),
        ({"max_tokens": 5}, "stop", 0, "stop"),
        ({}, "stop", 500, "stop"),
        ({"max_tokens": None}, "stop", 500, "stop"),
        ({"max_tokens": 0}, "stop", 0, "stop"),
        ({"max_tokens": -1}, "stop", 5, "stop"),
        ({"max_tokens": True}, "stop", 5, "stop"),
        ({"max_tokens": "5"}, "stop", 5, "stop"),
    ],
)
def test_stop_at_the_limit_is_length(
    parameters: dict[str, Any], reason: str | None, tokens: int, after: str | None
) -> None:
    interceptor = FinishReason(FinishReasonConfig())
    before = answer(reason, tokens)
    for request in (Request(parameters=parameters), Request(prompt="?", parameters=parameters)):
        sent, response = ask(interceptor, request, before)
        assert sent is request
        assert response == before.replace(finish_reason=after)
    assert interceptor.report() == {"total": 2, "relabelled": 2 * (reason != after), "empty": 0}


@pytest.mark.parametrize(
    ("parameters", "choices"),
    [({"n": 2}, 0), ({"best_of": 2}, 0), ({"prompt": ["a", "b"]}, 0), ({"prompt": [[1], [2]]}, 0), ({}, 2)],
)
def test_tokens_of_several_choices_say_nothing_of_one(parameters: dict[str, Any], choices: int) -> None:
    """Two choices of 3 tokens have 6 together: neither ran into the limit of 5."""
    envelope = {"choices": [{"index": index} for index in range(choices)]} if choices else None
    before = answer("stop", 6).replace(envelope=envelope)
    _, response = ask(FinishReason(FinishReasonConfig()), Request(parameters={"max_tokens": 5, **parameters}), before)
    assert response.finish_reason == "stop"


@pytest.mark.parametrize("parameters", [{"n": 1}, {"n": None}, {"prompt": ["a"]}, {"prompt": [1, 2]}])
def test_one_choice_of_a_request_that_could_have_several(parameters: dict[str, Any]) -> None:
    before = answer("stop", 6)
    _, response = ask(FinishReason(FinishReasonConfig()), Request(parameters={"max_tokens": 5, **parameters}), before)
    assert response.finish_reason == "length"


def test_empty_answers_are_counted() -> None:
    interceptor = FinishReason(FinishReasonConfig())
    for text, reason in [("4", "stop"), ("", "stop"), (" \n", "length"), ("", "tool_calls"), ("", "function_call")]:
        ask(interceptor, answer=answer(reason, 3, text))
    assert interceptor.report() == {"total": 5, "relabelled": 0, "empty": 2}


def test_nothing_can_be_set() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"max_tokens": 5}, FinishReasonConfig)
