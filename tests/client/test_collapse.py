"""Chunks of a stream to one JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_nemo_eval.client.collapse import Collapse
from pytest_nemo_eval.client.decode import choice_response
from pytest_nemo_eval.client.stream import StreamReader
from pytest_nemo_eval.errors import EndpointError
from pytest_nemo_eval.proxy.answer import stream_of

Chunk = dict[str, Any]


def collapsed(*chunks: Chunk) -> Chunk:
    collapse = Collapse()
    for chunk in chunks:
        collapse.add(chunk)
    return collapse.envelope()


def delta(index: int = 0, finish_reason: str | None = None, **fields: object) -> Chunk:
    choice = {"index": index, "delta": fields, "finish_reason": finish_reason}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}


def test_texts_calls_choices_and_usage() -> None:
    whole = collapsed(
        {**delta(role="assistant", content=""), "usage": None},
        delta(reasoning_content="H"),
        delta(reasoning_content="m."),
        delta(1, content="zwei"),
        delta(content="ei"),
        delta(content="ns"),
        delta(tool_calls=[{"index": 1, "id": "c2", "function": {"name": "g", "arguments": "{"}}]),
        delta(tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]),
        delta(tool_calls=[{"index": 1, "id": None, "function": {"arguments": "}"}}]),
        delta(0, "tool_calls"),
        delta(1, "stop"),
        {"id": "c1", "choices": [], "usage": {"prompt_tokens": 1}},
        {"id": "c1", "choices": [], "usage": {"prompt_tokens": 2}},
    )
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]
    first = {"role": "assistant", "content": "eins", "reasoning_content": "Hm.", "tool_calls": calls}
    assert whole == {
        "id": "c1",
        "object": "chat.completion",
        "model": "m",
        "usage": {"prompt_tokens": 2},
        "choices": [
            {"index": 0, "finish_reason": "tool_calls", "message": first},
            {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": "zwei"}},
        ],
    }


def test_probabilities_of_tokens_are_put_together() -> None:
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": text}, "logprobs": {"content": [{"token": text}]}}]}
        for text in "ab"
    ]
    (choice,) = collapsed(*chunks)["choices"]
    assert choice["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}]}


@pytest.mark.parametrize("calls", [0, 1])
def test_content_is_null_beside_calls_alone(calls: int) -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    (choice,) = collapsed(delta(role="assistant", content=""), delta(tool_calls=[call] * calls))["choices"]
    assert choice["message"]["content"] == (None if calls else "")


def test_what_is_said_is_not_taken_back_by_an_empty_text() -> None:
    """Some servers repeat a call's id and name, and the role, as ""."""
    whole = collapsed(
        delta(role="assistant", tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}]),
        delta(role="", tool_calls=[{"index": 0, "id": "", "type": "", "function": {"name": "", "arguments": "}"}}]),
        delta(0, "tool_calls"),
    )
    message = whole["choices"][0]["message"]
    assert message["role"] == "assistant"
    (call,) = message["tool_calls"]
    assert (call["id"], call["function"]) == ("c", {"name": "f", "arguments": "{}"})


def test_the_one_call_of_older_clients() -> None:
    whole = collapsed(
        delta(function_call={"name": "f", "arguments": '{"a":'}),
        delta(function_call={"arguments": "1}"}),
        delta(0, "function_call"),
    )
    assert whole["choices"][0]["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}


KEYS = ["choices", "delta", "index", "tool_calls", "function", "content", "logprobs", "usage", "object", "text", "x"]
KEYS += ["function_call"]
JSONS: Any = st.recursive(
    st.sampled_from([None, True, 0, 1, "a", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSONS, max_size=3), max_size=3))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # other tests run beside this one
def test_chunks_of_any_shape_make_an_envelope(chunks: list[Chunk]) -> None:
    whole = collapsed(*chunks)
    assert isinstance(whole["choices"], list)
    json.dumps(whole)


MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | st.text()},
    optional={
        "reasoning_content": st.text(min_size=1),
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {
                    "id": st.text(min_size=1),
                    "type": st.just("function"),
                    "function": st.fixed_dictionaries({"name": st.text(), "arguments": st.text()}),
                }
            ),
            min_size=1,
            max_size=3,
        ),
    },
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(MESSAGES, min_size=1, max_size=3), st.sampled_from(["stop", "length", "tool_calls"]))
def test_what_is_given_as_a_stream_collapses_to_the_same(messages: list[Any], reason: str) -> None:
    choices = [{"index": index, "message": message, "finish_reason": reason} for index, message in enumerate(messages)]
    for message in messages:
        if "tool_calls" in message:
            message["content"] = message["content"] or None
    envelope: Chunk = {
        "id": "c1",
        "object": "chat.completion",
        "choices": choices,
        "usage": {"prompt_tokens": 3, "completion_tokens": 5},
    }
    reader = StreamReader(bytes, whole=True)
    reader.feed(stream_of(envelope, with_usage=True))
    response = reader.response(0.0, 0.0)
    assert response.envelope == envelope
    assert response.replace(envelope=None) == choice_response(choices[0], envelope["usage"])


@pytest.mark.parametrize("code", [429, 503])
def test_an_error_in_mid_stream_keeps_its_status(code: int) -> None:
    reader = StreamReader(bytes)
    with pytest.raises(EndpointError, match="busy") as caught:
        reader.feed(b'data: {"error": {"message": "busy", "code": %d}}\n\n' % code)
    assert caught.value.status == code


@pytest.mark.parametrize("code", ["null", '"429"', "200", "true", "[]"])
def test_what_is_no_status_is_none(code: str) -> None:
    reader = StreamReader(bytes)
    with pytest.raises(EndpointError) as caught:
        reader.feed(b'data: {"error": {"message": "busy", "code": %s}}\n\n' % code.encode())
    assert caught.value.status is None


def test_a_choice_of_an_unknown_shape() -> None:
    with pytest.raises(EndpointError, match="of an unknown shape"):
        choice_response({"message": 5}, None)
