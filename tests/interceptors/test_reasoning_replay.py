from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from pytest_nemo_eval import Message, Request, Response
from pytest_nemo_eval.chat import Json
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.interceptors import check_order, create_interceptor
from pytest_nemo_eval.interceptors.reasoning_replay import ReasoningReplay, ReasoningReplayConfig
from tests.interceptors.asking import ask

USER = Message("user", "2+2?")
FIRST = Request(messages=(USER,), sample_id="s1")
CALLS: Json = [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}]
CALLING: dict[str, Json] = {"choices": [{"index": 0, "message": {"role": "assistant", "tool_calls": CALLS}}]}


def built(**keys: object) -> ReasoningReplay:
    return ReasoningReplay(msgspec.convert(keys, ReasoningReplayConfig))


def went_on(*said: Message, sample_id: str = "s1", repeat: int = 0) -> Request:
    return Request(messages=(USER, *said, Message("user", "Sure?")), sample_id=sample_id, repeat=repeat)


def turns_sent(interceptor: ReasoningReplay, request: Request) -> list[Message]:
    sent, _ = ask(interceptor, request, Response(text="x"))
    return [message for message in sent.messages if message.role == "assistant"]


NATIVE = {"reasoning_content": "Hm.", "reasoning": "Hm."}


@pytest.mark.parametrize(
    ("mode", "content", "more"),
    [("think_tags", "<think>Hm.</think>4", {}), ("native", "4", NATIVE), ("both", "<think>Hm.</think>4", NATIVE)],
)
def test_modes(mode: str, content: str, more: dict[str, Json]) -> None:
    interceptor = built(mode=mode)
    ask(interceptor, FIRST, Response(text="4", reasoning="Hm."))
    assert turns_sent(interceptor, went_on(Message("assistant", "4", {"name": "bot"}))) == [
        Message("assistant", content, {"name": "bot", **more})
    ]
    assert interceptor.report() == {"hits": 1, "misses": 0, "remembered": 1}


def test_think_tags_is_the_default_and_tags_can_be_others() -> None:
    interceptor = built(tag_open="[T]", tag_close="[/T]\n")
    ask(interceptor, FIRST, Response(text="4", reasoning="Hm."))
    assert turns_sent(interceptor, went_on(Message("assistant", " 4\n")))[0].content == "[T]Hm.[/T]\n 4\n"


@pytest.mark.parametrize("content", [None, "", "Let me see."])
def test_a_turn_with_tool_calls_is_known_by_their_id(content: str | None) -> None:
    interceptor = built()
    ask(interceptor, FIRST, Response(text="Let me see.", reasoning="Add them.", envelope=CALLING))
    (turn,) = turns_sent(interceptor, went_on(Message("assistant", content, {"tool_calls": CALLS})))
    assert turn == Message("assistant", f"<think>Add them.</think>{content or ''}", {"tool_calls": CALLS})


def test_parts_get_one_more_in_front() -> None:
    interceptor = built()
    ask(interceptor, FIRST, Response(text="4", reasoning="Hm."))
    part: Json = {"type": "text", "text": "4"}
    (turn,) = turns_sent(interceptor, went_on(Message("assistant", [part])))
    assert turn.content == [{"type": "text", "text": "<think>Hm.</think>"}, part]


def test_texts_are_told_apart_by_all_of_them() -> None:
    interceptor = built(mode="native")
    for end in ("a", "b"):
        ask(interceptor, FIRST, Response(text="x" * 300 + end, reasoning=end))
    (turn,) = turns_sent(interceptor, went_on(Message("assistant", "x" * 300 + "a")))
    assert turn.more["reasoning"] == "a"


def test_the_same_text_said_twice_has_two_reasonings() -> None:
    interceptor, yes = built(), Message("assistant", "Yes.")
    ask(interceptor, FIRST, Response(text="Yes.", reasoning="one"))
    ask(interceptor, went_on(yes), Response(text="Yes.", reasoning="two"))
    found = turns_sent(interceptor, went_on(yes, USER, yes))
    assert [turn.text for turn in found] == ["<think>one</think>Yes.", "<think>two</think>Yes."]


@pytest.mark.parametrize(
    "other",
    [
        went_on(Message("assistant", "4"), sample_id="s2"),
        went_on(Message("assistant", "4"), repeat=1),
        went_on(Message("assistant", "5")),
        went_on(Message("assistant", "4", {"tool_calls": CALLS})),
        went_on(Message("assistant", None)),
    ],
)
def test_another_turn_gets_nothing(other: Request) -> None:
    interceptor = built()
    ask(interceptor, FIRST, Response(text="4", reasoning="Hm."))
    sent, _ = ask(interceptor, other)
    assert sent.messages == other.messages
    assert interceptor.report() == {"hits": 0, "misses": 1, "remembered": 1}


def test_without_a_session_conversations_are_known_by_their_first_question() -> None:
    interceptor = built()
    ask(interceptor, FIRST.replace(sample_id=""), Response(text="4", reasoning="Hm."))
    assert turns_sent(interceptor, went_on(Message("assistant", "4"), sample_id=""))[0].text == "<think>Hm.</think>4"
    other = Request(messages=(Message("user", "8/2?"), Message("assistant", "4"), USER))
    assert turns_sent(interceptor, other)[0].text == "4"


@pytest.mark.parametrize(
    ("mode", "turn", "expected"),
    [
        ("think_tags", Message("assistant", "\n<think>Own.</think>4"), Message("assistant", "\n<think>Own.</think>4")),
        ("both", Message("assistant", "<think>Own.</think>4"), Message("assistant", "<think>Own.</think>4")),
        (
            "native",
            Message("assistant", "4", {"reasoning": "Own."}),
            Message("assistant", "4", {"reasoning": "Own."}),
        ),
        (
            "think_tags",
            Message("assistant", "4", {"reasoning_content": "Own."}),
            Message("assistant", "<think>Own.</think>4", {"reasoning_content": "Own."}),
        ),
    ],
)
def test_what_the_client_says_itself_wins(mode: str, turn: Message, expected: Message) -> None:
    interceptor = built(mode=mode)
    ask(interceptor, FIRST, Response(text="4", reasoning="Hm."))
    assert turns_sent(interceptor, went_on(turn)) == [expected]


def test_what_was_not_used_for_longest_is_forgotten() -> None:
    interceptor = built(cache_max_entries=2)
    for text in ("a", "b"):
        ask(interceptor, FIRST, Response(text=text, reasoning=f"why {text}"))
    turns_sent(interceptor, went_on(Message("assistant", "a")))
    ask(interceptor, FIRST, Response(text="c", reasoning="why c"))
    found = turns_sent(interceptor, went_on(*(Message("assistant", text) for text in "abc")))
    assert [turn.text for turn in found] == ["<think>why a</think>a", "b", "<think>why c</think>c"]


def test_misses_are_logged_if_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pytest_nemo_eval.requests")
    turns_sent(built(), went_on(Message("assistant", "4")))
    assert not caplog.records
    turns_sent(built(log_misses=True), went_on(Message("assistant", "4")))
    assert [record.message for record in caplog.records] == [
        "reasoning_replay: the reasoning of a turn is not known: '4'"
    ]


@pytest.mark.parametrize("request_", [Request(prompt="2+2="), FIRST, Request()])
def test_what_has_no_turns_passes_as_it_is(request_: Request) -> None:
    sent, _ = ask(built(), request_, Response(text="4", reasoning="Hm."))
    assert sent is request_


@pytest.mark.parametrize(
    "keys", [{"mode": "tags"}, {"cache_max_entries": 0}, {"tag_open": ""}, {"tag_close": ""}, {"cache": 1}]
)
def test_keys_are_strict(keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="reasoning_replay"):
        create_interceptor("reasoning_replay", keys)


def test_it_stands_outside_of_reasoning() -> None:
    chain = [create_interceptor(name, {}) for name in ("reasoning_replay", "reasoning")]
    check_order(["reasoning_replay", "reasoning"], chain)
    with pytest.raises(ConfigError, match="put reasoning_replay before reasoning"):
        check_order(["reasoning", "reasoning_replay"], chain[::-1])
