"""Streamed answers, however their bytes are cut."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval import Client, Endpoint, Protocol, Response, Secret
from pytest_nemo_eval.chat import Usage
from pytest_nemo_eval.client import Pool, RetryPolicy
from pytest_nemo_eval.client.stream import StreamReader
from pytest_nemo_eval.errors import EndpointError, RejectedRequestError
from tests.fake_endpoint import Reply, serving
from tests.leaks import parts_shown

KEY = "sk-0123456789abcdef"
SSE = {"content-type": "text/event-stream; charset=utf-8"}


def event(chunk: object, colon: str = "data: ", end: str = "\n\n") -> bytes:
    return f"{colon}{json.dumps(chunk, ensure_ascii=False)}{end}".encode()


def delta(finish_reason: str | None = None, **fields: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]}


def text(piece: str, finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": piece, "finish_reason": finish_reason}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
DONE = b"data: [DONE]\n\n"

CHAT = b"".join(
    [
        b": comment\n\n",
        event(delta(role="assistant", content="")),
        event(delta(reasoning_content="Hm, "), "data:", "\r\n\r\n"),
        event(delta(reasoning_content="ü."), end="\r\r"),
        b"event: message\nid: 7\nretry: 10\n" + event(delta(content="Das ")),
        b'data: {"choices": [{"index": 1, "delta": {"content": "x"}},\n',
        'data:{"delta": {"content": "Größte"}}]}\n\n'.encode(),
        event(delta("stop")),
        event(USAGE),
        DONE,
        b"data: what comes after the end\n\n",
    ]
)
ANSWER = Response(text="Das Größte", finish_reason="stop", reasoning="Hm, ü.", usage=Usage(5, 2))


def read(chunks: list[bytes], key: Secret | None = None) -> Response:
    reader = StreamReader(key.redact_content if key else bytes)
    for chunk in chunks:
        reader.feed(chunk)
    return reader.response(0.0, 0.0)


@given(st.lists(st.integers(0, len(CHAT)), max_size=30))
def test_any_cut_gives_the_same_answer(cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(CHAT)]
    assert read([CHAT[start:end] for start, end in itertools.pairwise(borders)]) == ANSWER


def test_a_long_line_takes_no_longer_than_reading_it() -> None:
    """Joining it anew with each chunk would take a minute; the bound leaves room for a busy machine."""
    content = event(text("a" * 2_000_000, "stop"))
    start = time.process_time()
    assert len(read([content[place : place + 64] for place in range(0, len(content), 64)]).text) == 2_000_000
    assert time.process_time() - start < 5


def test_byte_by_byte() -> None:
    assert read([CHAT[i : i + 1] for i in range(len(CHAT))]) == ANSWER


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (event(text("Par")) + event(text("is", "length")) + DONE, Response(text="Paris", finish_reason="length")),
        (event(text("Paris", "stop")), Response(text="Paris", finish_reason="stop")),
        (event(text("Paris")) + DONE, Response(text="Paris")),
        (event(text("Paris")) + b"data: [DONE]", Response(text="Paris")),
        (event(text("Par")) + event(text("is", "stop"), end=""), Response(text="Paris", finish_reason="stop")),
        (event(delta("stop", content="")) + DONE, Response(text="", finish_reason="stop")),
        (b"\xef\xbb\xbf" + event(text("Paris", "stop")), Response(text="Paris", finish_reason="stop")),
        (
            event(delta("stop", content="a", reasoning_content="", reasoning="b")),
            Response(text="a", finish_reason="stop", reasoning="b"),
        ),
        (event(delta("stop", content="a", reasoning="b")), Response(text="a", finish_reason="stop", reasoning="b")),
    ],
)
def test_other_streams(content: bytes, answer: Response) -> None:
    assert read([content]) == answer


@pytest.mark.parametrize(
    "content",
    [
        b"",
        DONE,
        event(USAGE) + DONE,
        event(delta(content="Par")),
        event(delta(content="Par")) + b'data: {"choices": [{"ind',
        event(delta(content="Par")) + event({"error": {"message": "out of memory"}}) + DONE,
        event(delta(content="Par")) + event({"object": "error", "message": "out of memory"}) + DONE,
        event(delta(content="Par")) + event("out of memory") + DONE,
        b"data: <html>\n\n",
        b"<html>\n\n",
        b"data: \xff\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
def test_what_is_no_whole_answer_is_asked_again(pool: Pool, content: bytes) -> None:
    with pytest.raises(EndpointError):
        read([content])
    replies: Iterator[Reply] = itertools.chain([Reply(content=content, headers=SSE)], itertools.repeat(CHAT_REPLY))
    with serving(lambda _: next(replies)) as fake:
        response = client_of(fake.url, pool).ask("?", stream=True)
        pool.close_connections()
    assert (response.text, response.attempts) == (ANSWER.text, 2)


CHAT_REPLY = Reply(content=CHAT, headers=SSE)


def client_of(url: str, pool: Pool, retries: int = 2, protocol: Protocol = Protocol.CHAT) -> Client:
    endpoint = Endpoint(url, "m", protocol, Secret(KEY))
    return Client(endpoint, [], pool, RetryPolicy(retries, first_wait=0.01), timeout=30)


def test_a_streamed_answer_is_a_response_like_any_other(pool: Pool) -> None:
    with serving(lambda _: CHAT_REPLY) as fake:
        response = client_of(fake.url, pool).ask("?", stream=True)
        pool.close_connections()
    assert 0 < response.first_token_seconds <= response.seconds
    assert response.replace(seconds=0.0, first_token_seconds=0.0) == ANSWER
    assert fake.requests[0]["stream"] is True
    assert fake.requests[0]["stream_options"] == {"include_usage": True}


def test_the_users_stream_options_stay(pool: Pool) -> None:
    reply = Reply(content=event(text("Paris", "stop")), headers=SSE)
    with serving(lambda _: reply) as fake:
        client = client_of(fake.url, pool, protocol=Protocol.COMPLETIONS)
        assert client.ask("?", stream=True, stream_options={"x": 1}).text == "Paris"
        pool.close_connections()
    assert fake.requests[0]["stream_options"] == {"x": 1}
    assert fake.paths == ["/v1/completions"]


def test_nothing_of_a_stream_is_asked_for_unless_the_user_does(pool: Pool) -> None:
    with serving(lambda _: "fine") as fake:
        response = client_of(fake.url, pool).ask("?", stream=False)
        pool.close_connections()
    assert response.first_token_seconds == 0.0
    assert "stream_options" not in fake.requests[0]


def test_a_server_that_does_not_stream(pool: Pool) -> None:
    with serving(lambda _: "in one piece") as fake:
        response = client_of(fake.url, pool).ask("?", stream=True)
        pool.close_connections()
    assert (response.text, response.first_token_seconds, response.attempts) == ("in one piece", 0.0, 1)


def test_a_server_that_refuses(pool: Pool) -> None:
    with serving(lambda _: Reply(status=400, content=b'{"error": "too long"}')) as fake:
        with pytest.raises(RejectedRequestError, match="too long"):
            client_of(fake.url, pool).ask("?", stream=True)
        pool.close_connections()


@pytest.mark.parametrize("field", ["content", "reasoning"])
def test_a_key_that_comes_in_pieces_shows_nowhere(field: str) -> None:
    pieces = b"".join(event(delta(**{field: KEY[start : start + 5]})) for start in range(0, len(KEY), 5))
    response = read([pieces + event(delta("stop"))], Secret(KEY))
    assert (response.text or response.reasoning) == "[key]"


def test_a_key_in_an_error_of_a_stream(pool: Pool) -> None:
    content = event({"error": {"message": f"{'x' * 190} you sent Bearer {KEY}"}})
    with serving(lambda _: Reply(content=content, headers=SSE)) as fake:
        with pytest.raises(EndpointError, match="you sent Bearer") as caught:
            client_of(fake.url, pool, retries=0).ask("?", stream=True)
        pool.close_connections()
    assert parts_shown(KEY, str(caught.value)) == set()
