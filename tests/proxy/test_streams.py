"""Streams: passed on as they come, or held back until they are whole."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from tests.proxy.running import DONE, SSE, USAGE, Asked, Running, completion, event, piece, proxy, upstream

QUIET = "interceptors: [response_stats, {name: turn_counter, config: {max_turns: 100}}]"
CHANGING = "interceptors: [response_stats, reasoning]"
COLLAPSING = "interceptors: [response_stats, streaming]"
STREAM = [b": hello\n\n", event(piece(role="assistant", content="")), event(piece(content="Par")), b"data: "]
STREAM += [event(piece("stop", content="is"))[6:], event(USAGE), DONE]
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "?"}], "stream": True}


def streaming(running: Running, **more: object) -> Any:
    return running.open("POST", "/v1/chat/completions", {**BODY, **more})


def stats(running: Running) -> dict[str, Any]:
    *_, error = running.end()
    found: dict[str, Any] = json.loads(error.partition("response_stats: ")[2].splitlines()[0])
    return found


def chunks_of(content: bytes) -> Iterator[dict[str, Any]]:
    *events, done, rest = content.decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    for one in events:
        assert one.startswith("data: ")
        yield json.loads(one[6:])


def test_bytes_pass_as_they_come_and_the_chain_sees_the_whole(tmp_path: Path) -> None:
    seen = threading.Event()

    def answer(asked: Asked) -> None:
        asked.begin_stream()
        for chunk in STREAM:
            asked.chunk(chunk)
            assert seen.wait(20), "the client got nothing before the end"
        asked.chunk(b"")

    with upstream(answer) as server, proxy(server.url, tmp_path, QUIET) as running:
        with streaming(running) as reply:
            first = reply.read1()
            seen.set()
            assert STREAM[0].startswith(first)
            assert first + reply.read() == b"".join(STREAM)
            assert (reply.status, reply.headers["content-type"]) == (200, SSE["content-type"])
            assert reply.headers["x-request-id"] == "r1"
        assert server.bodies == [BODY]
        found = stats(running)
    assert (found["successful_count"], found["max_completion_tokens"]) == (1, 5)


@pytest.mark.parametrize("chain", [CHANGING, COLLAPSING])
@pytest.mark.parametrize("usage", [False, True])
def test_what_is_held_back_is_given_as_a_stream(chain: str, usage: bool, tmp_path: Path) -> None:
    options = {"stream_options": {"include_usage": True, "x": 1}} if usage else {}
    with upstream(lambda asked: asked.stream(*STREAM)) as server, proxy(server.url, tmp_path, chain) as running:
        with streaming(running, **options) as reply:
            assert reply.headers["content-type"] == SSE["content-type"]
            chunks = list(chunks_of(reply.read()))
        asked = server.bodies[0]
        assert (asked["stream"], asked["stream_options"]["include_usage"]) == (True, True)
        assert stats(running)["max_completion_tokens"] == 5
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 17, "model": "m-2024"}
    said = {"index": 0, "logprobs": None, "delta": {"role": "assistant", "content": "Paris"}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    expected: list[dict[str, Any]] = [{**head, "choices": [said]}, {**head, "choices": [end]}]
    assert chunks == expected + [{**head, "choices": [], "usage": USAGE["usage"]}] * usage


def test_streaming_gives_one_piece_to_a_client_that_asked_for_one(tmp_path: Path) -> None:
    with upstream(lambda asked: asked.stream(*STREAM)) as server, proxy(server.url, tmp_path, COLLAPSING) as running:
        status, told, content = running.chat()
        assert server.bodies[0]["stream"] is True
    whole = json.loads(content)
    assert (status, told["content-type"], whole["object"]) == (200, "application/json", "chat.completion")
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "Paris"}
    assert whole["usage"] == USAGE["usage"]


@pytest.mark.parametrize("chain", [QUIET, CHANGING])
def test_an_upstream_that_does_not_stream(chain: str, tmp_path: Path) -> None:
    with (
        upstream(lambda asked: asked.answer(completion("<think>x</think>4"))) as server,
        proxy(server.url, tmp_path, chain) as running,
        streaming(running) as reply,
    ):
        said, end = chunks_of(reply.read())
    text = "4" if chain == CHANGING else "<think>x</think>4"
    assert said["choices"][0]["delta"]["content"] == text
    assert end["choices"][0]["finish_reason"] == "stop"


def test_completions_are_streamed_too(tmp_path: Path) -> None:
    def text(content: str, reason: str | None = None) -> bytes:
        choice = {"index": 0, "text": content, "finish_reason": reason}
        return event({"id": "c1", "object": "text_completion", "choices": [choice]})

    stream = [text("<think>x</th"), text("ink>Par"), text("is", "stop"), DONE]
    body = {"model": "m", "prompt": "The capital", "stream": True}
    with (
        upstream(lambda asked: asked.stream(*stream)) as server,
        proxy(server.url, tmp_path, CHANGING) as running,
        running.open("POST", "/v1/completions", body) as reply,
    ):
        (chunk,) = chunks_of(reply.read())
    assert (chunk["object"], chunk["choices"][0]["text"]) == ("text_completion", "Paris")
    assert chunk["choices"][0]["finish_reason"] == "stop"


def test_a_stream_out_of_the_cache(tmp_path: Path) -> None:
    chain = f"interceptors: [{{name: caching, config: {{cache_dir: '{tmp_path}/cache'}}}}]"
    with upstream(lambda asked: asked.stream(*STREAM)) as server, proxy(server.url, tmp_path, chain) as running:
        with streaming(running) as reply:
            assert reply.read() == b"".join(STREAM)
        with streaming(running) as reply:
            said, _ = chunks_of(reply.read())
        assert len(server.asked) == 1
    assert said["choices"][0]["delta"]["content"] == "Paris"


def broken_off(asked: Asked) -> None:
    asked.begin_stream()
    for chunk in STREAM[:3]:
        asked.chunk(chunk)
    asked.break_off()


def ends_early(asked: Asked) -> None:
    asked.stream(*STREAM[:3])


def tells_of_an_error(asked: Asked) -> None:
    asked.stream(*STREAM[:3], event({"error": {"message": "out of memory", "code": 507}}), DONE)


@pytest.mark.parametrize("answer", [broken_off, ends_early, tells_of_an_error])
def test_a_break_is_seen_as_one(answer: Any, tmp_path: Path) -> None:
    with upstream(answer) as server, proxy(server.url, tmp_path, QUIET) as running:
        with streaming(running) as reply, pytest.raises(IncompleteRead) as caught:
            reply.read()
        assert len(server.asked) == 1
        found = stats(running)
    assert caught.value.partial.startswith(b"".join(STREAM[:3]))
    assert (b"out of memory" in caught.value.partial) is (answer is tells_of_an_error)
    assert found["errors"] == {"EndpointError": 1}


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (broken_off, 502, "cannot be reached"),
        (ends_early, 502, "ended before the answer did"),
        (tells_of_an_error, 507, "out of memory"),
    ],
)
def test_a_break_of_what_is_held_back_is_an_error(answer: Any, status: int, words: str, tmp_path: Path) -> None:
    with (
        upstream(answer) as server,
        proxy(server.url, tmp_path, CHANGING) as running,
        streaming(running) as reply,
    ):
        assert reply.status == status
        assert words in json.loads(reply.read())["error"]["message"]


@pytest.mark.parametrize("chain", [QUIET, CHANGING, ""])
@pytest.mark.parametrize("begun", [False, True])
def test_a_client_that_goes_away_ends_the_upstreams_request(chain: str, begun: bool, tmp_path: Path) -> None:
    asked_for, ended = threading.Event(), threading.Event()

    def answer(asked: Asked) -> None:
        if begun:
            asked.begin_stream()
            asked.chunk(STREAM[1])
        asked_for.set()
        if asked.wait_for_the_end():
            ended.set()

    def leave(running: Running) -> None:
        connection = running.connect()
        content = json.dumps(BODY).encode()
        connection.request("POST", "/v1/chat/completions", content, {"content-type": "application/json"})
        assert asked_for.wait(20)
        connection.close()

    with upstream(answer) as server, proxy(server.url, tmp_path, chain) as running:
        leave(running)
        assert ended.wait(20), "the upstream goes on with an answer that nobody wants"


OWN = """
class Late:
    changes_response = False
    async def __call__(self, request, call_next):
        response = await call_next(request)
        if request.parameters.get("twice"):
            return await call_next(request)
        raise RuntimeError("kaputt")
"""


@pytest.mark.parametrize("twice", [False, True])
def test_an_interceptor_that_fails_when_all_is_streamed(twice: bool, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    chain = 'interceptors: ["mine:Late"]'
    with upstream(lambda asked: asked.stream(*STREAM)) as server, proxy(server.url, tmp_path, chain) as running:
        with streaming(running, twice=twice) as reply, pytest.raises(IncompleteRead) as caught:
            reply.read()
        *_, error = running.end()
        assert len(server.asked) == 1
    assert caught.value.partial == b"".join(STREAM)
    assert ("an interceptor sends twice" if twice else "the interceptor Late raised RuntimeError('kaputt')") in error


def test_reasoning_comes_back_in_the_next_turn(tmp_path: Path) -> None:
    calls = [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    stream = [event(piece(role="assistant", reasoning_content="Add ")), event(piece(reasoning_content="them."))]
    stream += [event(piece(tool_calls=calls)), event(piece("tool_calls")), DONE]
    with (
        upstream(lambda asked: asked.stream(*stream)) as server,
        proxy(server.url, tmp_path, "interceptors: [reasoning_replay]") as running,
    ):
        with streaming(running) as reply:
            assert reply.read() == b"".join(stream)
        turn = {"role": "assistant", "content": None, "tool_calls": calls}
        history = [*BODY["messages"], turn, {"role": "tool", "tool_call_id": "c1", "content": "4"}]
        with streaming(running, messages=history) as reply:
            reply.read()
        sent = server.bodies[1]["messages"][1]
    assert sent == {**turn, "content": "<think>Add them.</think>"}
