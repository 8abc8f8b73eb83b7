from __future__ import annotations

import json

from pytest_nemo_eval import Client, Endpoint, Request
from pytest_nemo_eval.client import Pool
from pytest_nemo_eval.interceptors.streaming import Streaming
from tests.client.conftest import pool as pool
from tests.fake_endpoint import Reply, serving
from tests.interceptors.asking import QUESTION, ask


def test_the_endpoint_is_asked_to_stream() -> None:
    sent, _ = ask(Streaming(), QUESTION.replace(parameters={"max_tokens": 5, "stream": False}))
    assert sent.parameters == {"max_tokens": 5, "stream": True}


def test_who_streams_already_is_left_alone() -> None:
    asked = Request(prompt="2+2=", parameters={"stream": True, "stream_options": {"include_usage": False}})
    sent, _ = ask(Streaming(), asked)
    assert sent is asked


def test_the_answer_is_whole(pool: Pool) -> None:
    pieces = [{"role": "assistant", "content": ""}, {"content": "Par"}, {"content": "is"}]
    chunks: list[object] = [{"choices": [{"index": 0, "delta": piece, "finish_reason": None}]} for piece in pieces]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    stream = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    reply = Reply(content=stream.encode(), headers={"content-type": "text/event-stream"})
    with serving(lambda _: reply) as fake:
        response = Client(Endpoint(fake.url, "m"), [Streaming()], pool).ask("The capital of France?")
        pool.close_connections()
    assert (response.text, response.finish_reason) == ("Paris", "stop")
    assert response.first_token_seconds > 0
    assert fake.requests[0]["stream_options"] == {"include_usage": True}
