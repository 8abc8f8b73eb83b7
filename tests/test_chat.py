"""What goes to a model and what comes back."""

from __future__ import annotations

import msgspec
import pytest

from pytest_nemo_eval import Message, Request, Response
from pytest_nemo_eval.chat import Json, tool_calls
from pytest_nemo_eval.runs.journal import request_key

IMAGE: Json = {"type": "image_url", "image_url": {"url": "data:,"}}
WORDS: Json = {"type": "text", "text": "What is it?"}
CALL: Json = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("content", "text", "parts"),
    [
        ("2+2?", "2+2?", [{"type": "text", "text": "2+2?"}]),
        ("", "", []),
        (None, "", []),
        ([WORDS, IMAGE], "What is it?", [WORDS, IMAGE]),
        ([WORDS, {"type": "text", "text": " Say."}, "odd", {"text": 5}], "What is it? Say.", None),
    ],
)
def test_a_message_has_words_and_parts(content: str | list[Json] | None, text: str, parts: list[Json] | None) -> None:
    message = Message("user", content)
    assert message.text == text
    assert message.parts == (content if parts is None else parts)


def test_a_message_is_sent_as_it_is() -> None:
    messages = (
        Message("user", [WORDS, IMAGE], {"name": "ann"}),
        Message("assistant", None, {"tool_calls": [CALL], "reasoning_content": "Hm."}),
        Message("tool", "4", {"tool_call_id": "c1"}),
    )
    assert Request(messages=messages).body("m")["messages"] == [
        {"role": "user", "content": [WORDS, IMAGE], "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "Hm."},
        {"role": "tool", "content": "4", "tool_call_id": "c1"},
    ]


def test_keys_of_journals_that_were_written_before_messages_had_more() -> None:
    asked = Request(messages=(Message("system", "Be brief."), Message("user", "2+2?")), parameters={"max_tokens": 5})
    assert request_key(asked, "who", "m") == "ee6a74bb7da759fdde71334eb040f3b7"
    assert asked.text_digest == "505bf54184a0159c"


def test_a_response_keeps_its_envelope_and_writes_none_without() -> None:
    envelope: dict[str, Json] = {"id": "x", "choices": [{"message": {"tool_calls": [CALL]}}]}
    response = Response(text="", envelope=envelope)
    assert msgspec.json.decode(msgspec.json.encode(response), type=Response) == response
    assert tool_calls(response) == [CALL]
    assert b"envelope" not in msgspec.json.encode(Response(text="4"))


@pytest.mark.parametrize(
    "envelope",
    [
        None,
        {},
        {"choices": None},
        {"choices": []},
        {"choices": ["x"]},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"tool_calls": {}}}]},
    ],
)
def test_an_envelope_without_calls(envelope: dict[str, Json] | None) -> None:
    assert tool_calls(Response(text="4", envelope=envelope)) == []


def test_a_conversation_is_a_repeat_of_a_sample_or_its_first_question() -> None:
    first = Request(messages=(Message("system", "Be brief."), Message("user", "2+2?")))
    later = first.replace(messages=(*first.messages[1:], Message("assistant", "4"), Message("user", "Sure?")))
    assert first.conversation == later.conversation
    other = Request(messages=(Message("user", "2+3?"),))
    found = [first, other, other.replace(sample_id="s"), other.replace(sample_id="s", repeat=1), Request()]
    assert len({request.conversation for request in found}) == 5
