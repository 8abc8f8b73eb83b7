"""The OpenAI SDK as the client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.proxy.running import DONE, USAGE, Asked, completion, event, piece, proxy, upstream

KEY = "sk-0123456789abcdef"
CHANGING = "interceptors: [{name: system_message, config: {system_message: Be brief.}}, {name: reasoning}]"
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
]
CALLS = [
    {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}},
    {"id": "c2", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}},
]


def answer(asked: Asked) -> None:
    """Calls tools where there are any, streams where that is asked for."""
    body = asked.body
    question = str(body["messages"][-1]["content"])
    if body.get("stream"):
        usage = [event(USAGE)] if body.get("stream_options") else []
        asked.stream(*(event(chunk) for chunk in pieces(bool(body.get("tools")))), *usage, DONE)
    elif body.get("tools"):
        asked.answer(completion(None, tool_calls=CALLS))
    else:
        asked.answer(completion(f"<think>Hm.</think>Answer to {question}"))


def pieces(tools: bool) -> Iterator[dict[str, Any]]:
    yield piece(role="assistant", content="")
    for text in ("<think>", "Hm.</th", "ink>Answer", " to it"):
        if not tools:
            yield piece(content=text)
    for index, call in enumerate(CALLS if tools else ()):
        function: Any = call["function"]
        head = {"index": index, "id": call["id"], "type": "function", "function": {"name": "add", "arguments": ""}}
        yield piece(tool_calls=[head])
        for part in (function["arguments"][:3], function["arguments"][3:]):
            yield piece(tool_calls=[{"index": index, "function": {"arguments": part}}])
    yield piece("tool_calls" if tools else "stop")


@pytest.fixture(params=["", CHANGING], ids=["plain", "changing"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[openai.OpenAI]:
    chain = str(request.param)
    with (
        upstream(answer) as server,
        proxy(server.url, tmp_path, chain) as running,
        openai.OpenAI(base_url=running.url, api_key=KEY) as client,
    ):
        yield client
        assert {one.headers["authorization"] for one in server.asked} == {f"Bearer {KEY}"}
        for body in server.bodies:
            assert (body["messages"][0] == {"role": "system", "content": "Be brief."}) is bool(chain)
        assert running.end()[0] == 0


def test_a_completion(client: openai.OpenAI, request: pytest.FixtureRequest) -> None:
    changing = "changing" in request.node.name
    reply = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "it"}])
    message: Any = reply.choices[0].message
    assert message.content == ("Answer to it" if changing else "<think>Hm.</think>Answer to it")
    assert getattr(message, "reasoning_content", None) == ("Hm." if changing else None)
    assert (reply.id, reply.model, reply.system_fingerprint) == ("chatcmpl-1", "m-2024", "fp")
    assert reply.usage is not None
    assert reply.usage.total_tokens == 8


def test_a_stream(client: openai.OpenAI, request: pytest.FixtureRequest) -> None:
    changing = "changing" in request.node.name
    text, reasoning, reasons, usage = "", "", [], []
    with client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "it"}],
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        for chunk in stream:
            assert chunk.object == "chat.completion.chunk"
            for choice in chunk.choices:
                delta: Any = choice.delta
                text += delta.content or ""
                reasoning += getattr(delta, "reasoning_content", None) or ""
                reasons += [choice.finish_reason] if choice.finish_reason else []
            usage += [chunk.usage] if chunk.usage else []
    assert text == ("Answer to it" if changing else "<think>Hm.</think>Answer to it")
    assert reasoning == ("Hm." if changing else "")
    assert reasons == ["stop"]
    assert [one.completion_tokens for one in usage] == [5]


def test_tools(client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "1+2?"}]}]
    reply = client.chat.completions.create(model="m", messages=messages, tools=TOOLS)
    message = reply.choices[0].message
    assert message.content is None
    assert [call.to_dict() for call in message.tool_calls or ()] == CALLS
    messages += [message.to_dict(), {"role": "tool", "tool_call_id": "c1", "content": "3"}]
    client.chat.completions.create(model="m", messages=messages, tools=TOOLS)


def test_tools_streamed(client: openai.OpenAI) -> None:
    found: dict[int, dict[str, str]] = {}
    with client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "1+2?"}], tools=TOOLS, stream=True
    ) as stream:
        for chunk in stream:
            assert chunk.choices, "usage was not asked for"
            for call in chunk.choices[0].delta.tool_calls or ():
                one = found.setdefault(call.index, {"id": "", "name": "", "arguments": ""})
                one["id"] += call.id or ""
                assert call.function is not None
                one["name"] += call.function.name or ""
                one["arguments"] += call.function.arguments or ""
        assert chunk.choices[0].finish_reason == "tool_calls"
    functions: list[Any] = [call["function"] for call in CALLS]
    assert [found[index] for index in sorted(found)] == [
        {"id": call["id"], **function} for call, function in zip(CALLS, functions, strict=True)
    ]


KINDS: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    503: openai.InternalServerError,
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("chain", ["", CHANGING])
def test_errors_keep_status_and_body(stream: bool, chain: str, tmp_path: Path) -> None:
    error = {"message": "no", "type": "t", "param": None, "code": "c", "further": 1}
    statuses = iter(KINDS)

    def refuse(asked: Asked) -> None:
        asked.answer({"error": error}, next(statuses), {"content-type": "application/json; x=1", "retry-after": "7"})

    with (
        upstream(refuse) as server,
        proxy(server.url, tmp_path, chain) as running,
        openai.OpenAI(base_url=running.url, api_key=KEY, max_retries=0) as client,
    ):
        for status, kind in KINDS.items():
            with pytest.raises(kind) as caught:
                client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=stream)
            assert caught.value.body == error
            assert caught.value.response.status_code == status
            assert caught.value.response.headers["retry-after"] == "7"
            assert caught.value.response.headers["content-type"] == "application/json; x=1"
        assert len(server.asked) == len(KINDS)


def test_turns_are_counted_for_each_session_and_not_asked_again(tmp_path: Path) -> None:
    with (
        upstream(answer) as server,
        proxy(server.url, tmp_path, "interceptors: [{name: turn_counter, config: {max_turns: 2}}]") as running,
    ):
        for session in ("a", "b"):
            base = running.url.replace("/v1", f"/s/{session}/v1")
            with openai.OpenAI(base_url=base, api_key=KEY) as client:
                for _ in range(2):
                    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
                with pytest.raises(openai.RateLimitError, match="turn 3 of at most 2") as caught:
                    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
                assert caught.value.code == "session_budget_exhausted"
        assert [one.path for one in server.asked] == ["/v1/chat/completions"] * 4
        *_, error = running.end()
    assert json.loads(error.partition("turn_counter: ")[2]) == {"turns": 4, "most_turns": 2, "refused": 2}


def test_completions(tmp_path: Path) -> None:
    def complete(asked: Asked) -> None:
        prompts = asked.body["prompt"]
        choices = [
            {"index": index, "text": f"<think>{index}</think>of {prompt}", "logprobs": None, "finish_reason": "stop"}
            for index, prompt in enumerate([prompts] if isinstance(prompts, str) else prompts)
        ]
        asked.answer({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": choices})

    with (
        upstream(complete) as server,
        proxy(server.url, tmp_path, "interceptors: [reasoning]") as running,
        openai.OpenAI(base_url=running.url, api_key=KEY) as client,
    ):
        for prompt in ("a", ["a", "b"], [[1, 2], [3]]):
            reply = client.completions.create(model="m", prompt=prompt)
            expected = [prompt] if isinstance(prompt, str) else prompt
            assert [choice.text for choice in reply.choices] == [f"of {one}" for one in expected]
        assert [body["prompt"] for body in server.bodies] == ["a", ["a", "b"], [[1, 2], [3]]]


def test_64_at_once_never_mix(tmp_path: Path) -> None:
    async def ask_all(url: str) -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=url, api_key=KEY) as client:
            replies = await asyncio.gather(
                *(
                    client.chat.completions.create(model="m", messages=[{"role": "user", "content": f"q{number}"}])
                    for number in range(256)
                )
            )
            return [reply.choices[0].message.content for reply in replies]

    with upstream(answer) as server, proxy(server.url, tmp_path, CHANGING) as running:
        assert asyncio.run(ask_all(running.url)) == [f"Answer to q{number}" for number in range(256)]
        assert len(server.asked) == 256
