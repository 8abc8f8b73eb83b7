from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from pytest_nemo_eval import Client, Endpoint, Message, Protocol, Request, Response, Secret
from pytest_nemo_eval.client import Pool, RetryPolicy
from pytest_nemo_eval.client.client import list_models
from pytest_nemo_eval.errors import AccessError, EndpointError, RejectedRequestError
from pytest_nemo_eval.interceptors import CallNext
from tests.fake_endpoint import FakeEndpoint, Reply, serving

QUICK = RetryPolicy(retries=3, first_wait=0.01)


def client_of(fake: FakeEndpoint, pool: Pool) -> Client:
    endpoint = Endpoint(fake.url, "fake-model", api_key=Secret("sk-secret"))
    return Client(endpoint, [], pool, QUICK, timeout=5)


def test_chat(pool: Pool) -> None:
    with serving(lambda question: f"you asked {question}") as fake:
        answer = client_of(fake, pool).ask("2+2?", max_tokens=5)
        pool.close_connections()
    assert answer.text == "you asked 2+2?"
    assert answer.finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 3)
    assert fake.requests == [
        {"model": "fake-model", "messages": [{"role": "user", "content": "2+2?"}], "max_tokens": 5}
    ]
    assert fake.headers[0]["authorization"] == "Bearer sk-secret"
    assert fake.paths == ["/v1/chat/completions"]


def test_completions(pool: Pool) -> None:
    with serving(lambda question: "Paris") as fake:
        endpoint = Endpoint(fake.url, "m", Protocol.COMPLETIONS)
        assert Client(endpoint, [], pool).ask("The capital of France is").text == "Paris"
        pool.close_connections()
    assert fake.paths == ["/v1/completions"]
    assert fake.requests[0]["prompt"] == "The capital of France is"
    assert "authorization" not in fake.headers[0]


@pytest.mark.parametrize(
    "broken",
    [
        Reply(status=500),
        Reply(status=503, content=b"<html>"),
        Reply(status=429, headers={"retry-after": "0.01"}),
        Reply(content=b'{"choices'),
        Reply(content=b'{"choices": []}'),
        Reply(content=b'{"choices": [{"index": 0}]}'),
        Reply(content=b"[1]"),
        Reply(content=b"\xff\xfe"),
        Reply(content=b"[" * 100_000),
        Reply(content=b'{"choices": ["\\ud83d"]}'),
    ],
)
def test_what_passes_is_asked_again(pool: Pool, broken: Reply) -> None:
    replies: Iterator[Reply | str] = itertools.chain([broken, broken], itertools.repeat("fine"))
    with serving(lambda _: next(replies)) as fake:
        assert client_of(fake, pool).ask("?").text == "fine"
        pool.close_connections()
    assert len(fake.requests) == 3


def test_what_lasts_is_an_error_that_says_what_happened(pool: Pool) -> None:
    with serving(lambda _: Reply(status=500, content=b'{"error": {"message": "kaputt"}}')) as fake:
        with pytest.raises(EndpointError, match="asked 4 times: HTTP 500: kaputt"):
            client_of(fake, pool).ask("?")
        pool.close_connections()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, RejectedRequestError) for status in (400, 413, 422)),
        *((status, AccessError) for status in (401, 403, 404)),
    ],
)
def test_what_is_refused_is_not_asked_again(pool: Pool, status: int, kind: type[Exception]) -> None:
    words = b'{"error": {"message": "no: the key sk-secret is bad"}}'
    with serving(lambda _: Reply(status=status, content=words)) as fake:
        with pytest.raises(kind, match=r"no: the key \[key\] is bad") as caught:
            client_of(fake, pool).ask("?")
        pool.close_connections()
    assert len(fake.requests) == 1
    assert "sk-secret" not in str(caught.value)


def test_one_404_among_answers_is_of_its_request(pool: Pool) -> None:
    replies: Iterator[Reply | str] = iter([Reply(status=404), "fine", Reply(status=404), Reply(status=401), "fine"])
    with serving(lambda _: next(replies)) as fake:
        client = client_of(fake, pool)
        with pytest.raises(AccessError, match="--model-id"):
            client.ask("?")
        assert client.ask("?").text == "fine"
        with pytest.raises(RejectedRequestError, match="HTTP 404"):
            client.ask("?")
        with pytest.raises(AccessError):
            client.ask("?")
        pool.close_connections()


@pytest.mark.parametrize("words", ["you must provide a chat template", "tokenizer has no CHAT TEMPLATE set"])
def test_a_model_without_a_chat_template(pool: Pool, words: str) -> None:
    with serving(lambda _: Reply(status=400, content=words.encode())) as fake:
        with pytest.raises(RejectedRequestError, match=rf"{words} \(.*/v1/completions.*type: completions"):
            client_of(fake, pool).ask("?")
        pool.close_connections()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb"\ud83d 42", "\ufffd 42"),
        (rb"\ude00 42", "\ufffd 42"),
        (rb"\uD83D\uD83D\ude00", "\ufffd\U0001f600"),
        (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),
        (rb"\ud83d\u0041", "\ufffdA"),
    ],
)
def test_half_a_surrogate_pair_is_an_answer(pool: Pool, text: bytes, expected: str) -> None:
    content = b'{"choices": [{"message": {"content": "' + text + b'"}, "logprobs": [NaN, -Infinity]}]}'
    with serving(lambda _: Reply(content=content)) as fake:
        assert client_of(fake, pool).ask("?").text == expected
        pool.close_connections()
    assert len(fake.requests) == 1


def test_nobody_there(pool: Pool) -> None:
    with serving(lambda _: "") as fake:
        client = client_of(fake, pool)
    with pytest.raises(EndpointError, match="asked 4 times"):
        client.ask("?")


@pytest.mark.parametrize("content", ["null", '""', '[{"type": "text", "text": ""}]'])
def test_an_empty_answer_is_an_answer(pool: Pool, content: str) -> None:
    body = f'{{"choices": [{{"message": {{"role": "assistant", "content": {content}}}, "finish_reason": "length"}}]}}'
    with serving(lambda _: Reply(content=body.encode())) as fake:
        answer = client_of(fake, pool).ask("?")
        pool.close_connections()
    assert answer.text == ""
    assert answer.finish_reason == "length"


def test_interceptors_stand_around_the_send(pool: Pool) -> None:
    seen = []

    async def outer(request: Request, call_next: CallNext) -> Response:
        seen.append("outer")
        response = await call_next(request.replace(messages=(Message("system", "Be brief."), *request.messages)))
        return response.replace(text=response.text.upper())

    async def inner(request: Request, call_next: CallNext) -> Response:
        seen.append(f"inner sees {len(request.messages)} messages")
        return await call_next(request)

    with serving(lambda _: "fine") as fake:
        endpoint = Endpoint(fake.url, "m")
        assert Client(endpoint, [outer, inner], pool).ask("?").text == "FINE"
        pool.close_connections()
    assert seen == ["outer", "inner sees 2 messages"]
    assert [message["role"] for message in fake.requests[0]["messages"]] == ["system", "user"]


def test_the_models_of_an_endpoint(pool: Pool) -> None:
    with serving(lambda _: "") as fake:
        fake.models = ["a", "b"]
        endpoint = Endpoint(fake.url, "")
        assert pool.start(lambda: list_models(endpoint, pool)).result() == ["a", "b"]
        pool.close_connections()
