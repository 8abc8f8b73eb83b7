"""What becomes of a server's JSON when interceptors change an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_nemo_eval import Request, Response, Usage
from pytest_nemo_eval.client.decode import choice_response
from pytest_nemo_eval.proxy.answer import envelope_of
from tests.proxy.running import completion

ASKED = Request(parameters={"model": "m"})


async def same(choice: Response) -> Response:
    return choice


def given(envelope: Any, **changes: object) -> Any:
    """What the client gets of an envelope once interceptors made these changes."""
    response = choice_response(envelope["choices"][0], envelope.get("usage")).replace(envelope=envelope, **changes)
    return asyncio.run(envelope_of(response, ASKED, same))


MESSAGES: list[dict[str, Any]] = [
    {"role": "assistant", "content": "4"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}], "refusal": None},
    {"role": "assistant", "content": [{"type": "text", "text": "4"}], "reasoning": "Hm."},
    {"role": "assistant", "content": "", "reasoning": "Hm.", "reasoning_content": "Hm."},
]


@pytest.mark.parametrize("message", MESSAGES)
def test_nothing_changed_is_nothing_changed(message: dict[str, Any]) -> None:
    envelope = completion("x")
    envelope["choices"][0]["message"] = message
    assert given(envelope) == envelope


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": "5"}, {"role": "assistant", "content": "5", "reasoning": "Hm.", "reasoning_content": "Hm."}),
        ({"reasoning": None}, {"role": "assistant", "content": ""}),
        ({"reasoning": "So."}, {"role": "assistant", "content": "", "reasoning_content": "So."}),
    ],
)
def test_texts_and_reasoning(changes: dict[str, object], message: dict[str, Any]) -> None:
    envelope = completion("x")
    envelope["choices"][0]["message"] = MESSAGES[-1]
    found = given(envelope, **changes)
    assert found["choices"][0]["message"] == message
    assert MESSAGES[-1]["content"] == ""  # as it was


def test_usage_and_finish_reason() -> None:
    envelope: Any = completion("4")
    found = given(envelope, usage=Usage(1, 2), finish_reason="length")
    tokens = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "odd": {"cached": 1}}
    assert found == {**envelope, "usage": tokens, "choices": [{**envelope["choices"][0], "finish_reason": "length"}]}


def test_a_completion_s_text() -> None:
    envelope: Any = {
        "object": "text_completion",
        "choices": [{"index": 0, "text": "<think>x</think>4", "logprobs": None}],
    }
    (choice,) = given(envelope, text="4", reasoning="x")["choices"]
    assert choice == {"index": 0, "text": "4", "reasoning_content": "x", "logprobs": None}


@pytest.mark.parametrize("envelope", [None, {}, {"choices": []}, {"choices": {"0": 1}}])
def test_without_choices_a_body_is_made(envelope: dict[str, Any] | None) -> None:
    response = Response(text="4", usage=Usage(1, 2), envelope=envelope)
    found: Any = asyncio.run(envelope_of(response, ASKED, same))
    assert found["choices"][0]["message"] == {"role": "assistant", "content": "4"}
    assert found["choices"][0]["finish_reason"] == "stop"
    assert (found["model"], found["usage"]["total_tokens"]) == ("m", 3)
