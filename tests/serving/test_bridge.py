from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_nemo_eval.client import decode
from pytest_nemo_eval.servers.bridge import Bridge
from pytest_nemo_eval.servers.values import CHAT, COMPLETIONS, LOWEST, VERSION, Call, Token
from tests.serving.engines import CharacterEngine

ASK = [{"role": "user", "content": "hi"}]
ENGINE = CharacterEngine({"hi>": "good day", "a b": "c d e", "ab": "cd", "hi.": "dot"})


def post(protocol: str, engine: CharacterEngine = ENGINE, **body: Any) -> tuple[int, dict[str, Any]]:
    reply = Bridge(engine, "m", 4).answer([Call(protocol, json.dumps({"model": "m", **body}))])[0]
    return reply.status, json.loads(reply.body)


def chat(**body: Any) -> dict[str, Any]:
    status, reply = post(CHAT, **{"messages": ASK, **body})
    assert status == 200, reply
    return reply


def complete(**body: Any) -> dict[str, Any]:
    status, reply = post(COMPLETIONS, **{"prompt": "a b", **body})
    assert status == 200, reply
    return reply


def refused(protocol: str, **body: Any) -> str:
    status, reply = post(protocol, **body)
    assert status == 400, reply
    assert reply["error"]["code"] == 400
    return str(reply["error"]["message"])


def test_a_chat() -> None:
    reply = chat()
    choice = reply["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": "good day"}
    assert choice["finish_reason"] == "stop"
    assert choice["logprobs"] is None
    assert reply["usage"] == {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}
    assert (reply["object"], reply["model"]) == ("chat.completion", "m")


def test_our_client_reads_it() -> None:
    response = decode.decode_response(json.dumps(chat()).encode(), 0.0)
    assert (response.text, response.finish_reason, response.usage.completion_tokens) == ("good day", "stop", 9)


def test_max_tokens() -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        reply = chat(**{name: 4})
        assert reply["choices"][0]["message"]["content"] == "good"
        assert reply["choices"][0]["finish_reason"] == "length"
        assert reply["usage"]["completion_tokens"] == 4
    assert chat(max_tokens=1, max_completion_tokens=2)["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize(
    ("stop", "text", "reason"),
    [(" ", "good", "stop"), (["y", "d d"], "goo", "stop"), (["xyz"], "good day", "stop"), ([], "good day", "stop")],
)
def test_stop_strings(stop: object, text: str, reason: str) -> None:
    choice = chat(stop=stop)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (text, reason)


def test_parts_of_a_message_are_joined() -> None:
    parts = [{"type": "text", "text": "hi"}, {"type": "text", "text": "x"}]
    assert chat(messages=[{"role": "user", "content": parts}])["usage"]["prompt_tokens"] == 5


def test_options_of_the_chat_template() -> None:
    assert chat(chat_template_kwargs={"end": "."})["choices"][0]["message"]["content"] == "dot"


def test_logprobs_of_a_chat() -> None:
    content = chat(logprobs=True, top_logprobs=2, max_tokens=2)["choices"][0]["logprobs"]["content"]
    assert [entry["token"] for entry in content] == ["g", "o"]
    assert content[0]["logprob"] == -0.5
    assert content[0]["bytes"] == [103]
    assert [entry["token"] for entry in content[0]["top_logprobs"]] == ["g", "Z"]


def test_a_completion() -> None:
    reply = complete()
    assert reply["choices"] == [{"index": 0, "text": "c d e", "finish_reason": "stop", "logprobs": None}]
    assert reply["object"] == "text_completion"
    assert complete(echo=True)["choices"][0]["text"] == "a bc d e"


def test_scoring_a_prompt() -> None:
    reply = complete(echo=True, logprobs=1, max_tokens=0)
    assert reply["choices"][0]["text"] == "a b"
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["choices"][0]["logprobs"] == {
        "tokens": ["a", " ", "b"],
        "token_logprobs": [None, -1.0, -2.0],
        "top_logprobs": [None, {"Z": -0.1, " ": -1.0}, {"Z": -0.1, "b": -2.0}],
        "text_offset": [0, 1, 2],
    }
    assert reply["usage"]["completion_tokens"] == 0


def test_scoring_and_going_on() -> None:
    told = complete(echo=True, logprobs=0, max_tokens=1)["choices"][0]["logprobs"]
    assert told["tokens"] == ["a", " ", "b", "c"]
    assert told["token_logprobs"] == [None, -1.0, -2.0, -0.5]
    assert told["top_logprobs"][1] == {" ": -1.0}


def test_several_prompts_of_either_kind() -> None:
    reply = complete(prompt=["a b", [97, 98]], echo=True, logprobs=0, max_tokens=2)
    assert [choice["index"] for choice in reply["choices"]] == [0, 1]
    assert [choice["text"] for choice in reply["choices"]] == ["a bc ", "abcd"]
    assert reply["choices"][1]["logprobs"]["tokens"] == ["a", "b", "c", "d"]
    assert reply["usage"] == {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}
    assert complete(prompt=[97, 98])["choices"][0]["text"] == "cd"


def test_choices_have_seeds_of_their_own() -> None:
    engine = CharacterEngine()
    status, reply = post(COMPLETIONS, engine, prompt=["x", "y"], n=3, seed=5)
    assert status == 200
    assert len(reply["choices"]) == 6
    assert engine.seeds == [5, 6, 7, 5, 6, 7]
    post(COMPLETIONS, engine, prompt="x")
    assert engine.seeds[-1] is None


def test_many_calls_share_batches_and_keep_their_order() -> None:
    engine = CharacterEngine({str(number): f"answer {number}" for number in range(6)})
    calls = [Call(COMPLETIONS, json.dumps({"model": "m", "prompt": str(number)})) for number in range(6)]
    calls.insert(2, Call(COMPLETIONS, "{"))
    replies = Bridge(engine, "m", 4).answer(calls)
    assert engine.batches == [4, 2]
    assert [reply.status for reply in replies] == [200, 200, 400, 200, 200, 200, 200]
    texts = [json.loads(reply.body)["choices"][0]["text"] for reply in replies if reply.status == 200]
    assert texts == [f"answer {number}" for number in range(6)]


def test_an_engine_that_fails_answers_nothing() -> None:
    engine = CharacterEngine()
    bridge = Bridge(engine, "m", 4)
    call = Call(COMPLETIONS, json.dumps({"prompt": "x"}))
    engine.broken = True
    good, bad = bridge.answer([call, Call(COMPLETIONS, "[]")])
    assert (good.status, bad.status) == (500, 400)
    assert "RuntimeError" in good.body
    assert not bridge.healthy
    engine.broken = False
    assert bridge.answer([call])[0].status == 200
    assert bridge.healthy


def test_the_version() -> None:
    assert Bridge(ENGINE, "m", 4).answer([Call(VERSION, "")])[0].body == "characters 1"


def test_minus_infinity_is_a_number() -> None:
    class Certain(CharacterEngine):
        def score(self, prompts: Any, alternatives: int) -> Any:
            return [(Token(97, None), Token(98, float("-inf")))]

    status, reply = post(COMPLETIONS, Certain(), prompt="ab", echo=True, logprobs=0, max_tokens=0)
    assert status == 200
    assert reply["choices"][0]["logprobs"]["token_logprobs"] == [None, LOWEST]


def test_an_unknown_model() -> None:
    status, reply = post(CHAT, model="other", messages=ASK)
    assert status == 404
    assert "`other` does not exist" in reply["error"]["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"stream": True}, "stream is not available"),
        ({"tools": [{"type": "function"}]}, "tools is not available"),
        ({"response_format": {"type": "json_object"}}, "response_format is not available"),
        ({"presence_penalty": 0.5}, "presence_penalty is not available"),
        ({"best_of": 2}, "best_of is not available"),
        ({"guided_json": {}}, "guided_json is not available"),
        ({"temperature": -1}, "temperature must be a number from 0"),
        ({"temperature": "0"}, "temperature must be a number"),
        ({"temperature": True}, "temperature must be a number"),
        ({"top_p": 1.5}, "top_p must be a number from 0 to 1"),
        ({"top_k": 0.5}, "top_k must be a whole number"),
        ({"seed": "1"}, "seed must be a whole number"),
        ({"n": 0}, "n must be a whole number from 1"),
        ({"max_tokens": 0}, "max_tokens must be a whole number from 1"),
        ({"max_tokens": 62}, "maximum context length is 64 tokens; the prompt has 3"),
        ({"messages": [{"role": "user", "content": "x" * 64}]}, "maximum context length is 64"),
        ({"stop": [""]}, "stop must be"),
        ({"stop": 3}, "stop must be"),
        ({"top_logprobs": 2}, "top_logprobs needs logprobs"),
        ({"logprobs": 1}, "logprobs must be true or false"),
        ({"messages": []}, "messages must be a list"),
        ({"messages": None}, "messages must be a list"),
        ({"messages": ["x"]}, "messages must be objects"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "content must be a text"),
        ({"messages": [{"role": "odd", "content": ""}]}, "the template does not know the role odd"),
    ],
)
def test_chats_that_are_refused(body: dict[str, Any], words: str) -> None:
    assert words in refused(CHAT, **{"messages": ASK, **body})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"prompt": ""}, "no tokens"),
        ({"prompt": []}, "no tokens"),
        ({"prompt": [[]]}, "no tokens"),
        ({"prompt": [128]}, "not in the vocabulary (0 to 127)"),
        ({"prompt": [-1]}, "not in the vocabulary"),
        ({"prompt": ["x", 3]}, "prompt must be"),
        ({"prompt": 3}, "prompt must be"),
        ({"prompt": None}, "prompt must be"),
        ({"prompt": "x", "max_tokens": 0}, "max_tokens must be a whole number from 1"),
        ({"prompt": "x", "suffix": "y"}, "suffix is not available"),
        ({"prompt": "x", "logprobs": 21}, "logprobs must be"),
        ({"prompt": "x", "messages": ASK}, "messages is not available"),
    ],
)
def test_completions_that_are_refused(body: dict[str, Any], words: str) -> None:
    assert words in refused(COMPLETIONS, **body)


def test_what_asks_for_nothing_is_no_reason_to_refuse() -> None:
    neutral: dict[str, Any] = {
        "stream": False,
        "presence_penalty": 0.0,
        "logit_bias": None,
        "tools": [],
        "user": "me",
        "n": 1,
    }
    assert chat(**neutral)["choices"][0]["message"]["content"] == "good day"


@pytest.mark.parametrize("body", ["", "[1]", "{", '"x"', "[" * 100_000])
def test_what_is_no_json_object(body: str) -> None:
    assert Bridge(ENGINE, "m", 4).answer([Call(CHAT, body)])[0].status == 400


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=5,
)
NAMES = """model messages prompt max_tokens temperature top_p top_k seed stop n best_of logprobs top_logprobs echo
chat_template_kwargs stream tools suffix user max_completion_tokens other"""
names = st.sampled_from(NAMES.split())


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([CHAT, COMPLETIONS]), st.dictionaries(names, anything, max_size=6))
def test_any_body_is_answered_or_refused(protocol: str, body: dict[str, Any]) -> None:
    body = {"prompt" if protocol == COMPLETIONS else "messages": "ab" if protocol == COMPLETIONS else ASK, **body}
    reply = Bridge(CharacterEngine(), "m", 4).answer([Call(protocol, json.dumps(body))])[0]
    assert reply.status in (200, 400, 404), reply.body
    assert json.loads(reply.body)
