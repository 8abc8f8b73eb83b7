"""Messages with parts and calls, and answers with calls, in interceptors that look into them."""

from __future__ import annotations

import pytest

from pytest_nemo_eval import Message, Request, Response
from pytest_nemo_eval.chat import Json
from pytest_nemo_eval.interceptors import create_interceptor
from pytest_nemo_eval.interceptors.shown import show_body, show_response
from tests.interceptors.asking import ask

IMAGE: Json = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + 100 * "A"}}
CALL: Json = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING: dict[str, Json] = {"choices": [{"message": {"content": None, "tool_calls": [CALL]}}]}


def part(text: str) -> Json:
    return {"type": "text", "text": text}


def test_turn_counter_tells_behind_the_parts() -> None:
    counter = create_interceptor("turn_counter", {"max_turns": 1, "position": "user_message"})
    sent, _ = ask(counter, Request(messages=(Message("user", [IMAGE], {"name": "ann"}),)))
    (message,) = sent.messages
    assert message.more == {"name": "ann"}
    assert isinstance(message.content, list)
    assert message.content[0] == IMAGE
    assert len(message.content) == 2
    assert "this is turn 1 of 1" in message.text


@pytest.mark.parametrize(
    ("contents", "joined"),
    [
        (["a", [IMAGE]], [part("a"), part("\n\n"), IMAGE]),
        ([None, [part("b")], "", "c"], [part("b"), part("\n\n"), part("c")]),
        (["a", "b"], "a\n\nb"),
    ],
)
def test_consolidate_system_joins_parts(contents: list[str | list[Json] | None], joined: str | list[Json]) -> None:
    systems = [Message("system", content, {"name": f"n{index}"}) for index, content in enumerate(contents)]
    sent, _ = ask(create_interceptor("consolidate_system", {}), Request(messages=tuple(systems)))
    assert sent.messages == (Message("system", joined, {"name": "n0"}),)


@pytest.mark.parametrize(("envelope", "empty"), [(None, 1), (CALLING, 0)])
def test_an_answer_with_calls_is_not_empty(envelope: dict[str, Json] | None, empty: int) -> None:
    interceptor = create_interceptor("finish_reason", {})
    ask(interceptor, answer=Response(text="", finish_reason="stop", envelope=envelope))
    assert interceptor.report()["empty"] == empty  # type: ignore[attr-defined]  # a BuiltIn


def test_what_is_shown() -> None:
    shown = show_body(Request(messages=(Message("user", [IMAGE]), Message("assistant", None, {"tool_calls": [CALL]}))))
    assert "AAAA" not in str(shown)
    assert shown["messages"][1] == {"role": "assistant", "content": None, "tool_calls": [CALL]}  # type: ignore[index]
    assert show_response(Response(text="", envelope=CALLING)) == {"text": "", "tool_calls": [CALL]}
