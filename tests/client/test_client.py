from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_nemo_eval import Client, Endpoint, Message, Protocol, Request, Response, Secret
from pytest_nemo_eval.client import Limiter, Pool, RetryBudget, RetryPolicy
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
        *(Reply(status=status) for status in (408, 409, 425, 500, 501, 507, 529, 599)),
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
        answer = client_of(fake, pool).ask("?")
        pool.close_connections()
    assert (answer.text, answer.attempts) == ("fine", 3)
    assert len(fake.requests) == 3


def test_what_lasts_is_an_error_that_says_what_happened(pool: Pool) -> None:
    with serving(lambda _: Reply(status=500, content=b'{"error": {"message": "kaputt"}}')) as fake:
        with pytest.raises(EndpointError, match="asked 4 times: HTTP 500: kaputt"):
            client_of(fake, pool).ask("?")
        pool.close_connections()


def test_an_answer_without_choices_is_called_so(pool: Pool) -> None:
    with serving(lambda _: Reply(content=b'{"choices": []}')) as fake:
        with pytest.raises(EndpointError, match=r"the answer holds no choices: '\{"):
            client_of(fake, pool).ask("?")
        pool.close_connections()


def test_every_reason_is_told_once(pool: Pool) -> None:
    replies = itertools.cycle(
        [Reply(status=429, content=b'{"error": {"message": "rate limited"}}'), Reply(content=b"[")]
    )
    with serving(lambda _: next(replies)) as fake:
        with pytest.raises(EndpointError) as caught:
            client_of(fake, pool).ask("?")
        pool.close_connections()
    words = str(caught.value)
    assert "asked 4 times: HTTP 429: rate limited; the answer is not a completion" in words
    assert words.count("rate limited") == words.count("not a completion") == 1
    assert "budget" not in words


def test_the_retries_of_a_run_are_counted(pool: Pool) -> None:
    budget = RetryBudget(3)
    with serving(lambda _: Reply(status=500)) as fake:
        client = client_of(fake, pool).with_limits(RetryPolicy(2, 0.01, budget), 5)
        with pytest.raises(EndpointError, match="asked 3 times: HTTP 500") as caught:
            client.ask("?")
        assert "budget" not in str(caught.value)
        with pytest.raises(EndpointError, match=r"asked 2 times: HTTP 500.*the run's budget of 3 retries is spent"):
            client.ask("?")
        with pytest.raises(EndpointError, match=r"asked once: HTTP 500.*the run's budget of 3 retries is spent"):
            client.ask("?")
        pool.close_connections()
    assert len(fake.requests) == 6


class Witness(Limiter):
    """Notes what it is told."""

    def __init__(self) -> None:
        super().__init__(8)
        self.told: list[str] = []

    def answered(self, seconds: float) -> None:
        assert seconds > 0
        self.told.append("answered")

    def overloaded(self, seconds: float = 0.0) -> None:
        assert seconds > 0
        self.told.append("overloaded")


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("fine", ["answered"]),
        (Reply(status=429), ["overloaded", "answered"]),
        (Reply(status=503), ["overloaded", "answered"]),
        (Reply(status=500), ["answered"]),
        (Reply(content=b"["), ["answered"]),
    ],
)
def test_the_limiter_is_told_of_each_attempt(pool: Pool, first: Any, told: list[str]) -> None:
    replies = itertools.chain([first], itertools.repeat("fine"))
    limiter = Witness()
    with serving(lambda _: next(replies)) as fake:
        client_of(fake, pool).with_limits(QUICK, 5, limiter).with_limits(QUICK, 5).behind().ask("?")
        pool.close_connections()
    assert limiter.told == told


def test_a_refused_request_is_an_answer_to_the_limiter(pool: Pool) -> None:
    limiter = Witness()
    with serving(lambda _: Reply(status=400)) as fake:
        with pytest.raises(RejectedRequestError):
            client_of(fake, pool).with_limits(QUICK, 5, limiter).ask("?")
        pool.close_connections()
    assert limiter.told == ["answered"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_server_that_hangs(pool: Pool, stream: bool) -> None:
    limiter = Witness()
    going_on = threading.Event()

    def answer(_: str) -> str:
        going_on.wait(60)
        return "late"

    with serving(answer) as fake:
        client = client_of(fake, pool).with_limits(RetryPolicy(1, 0.01), 0.1, limiter)
        with pytest.raises(EndpointError, match=r"asked 2 times: no answer within 0\.1 s$"):
            client.ask("?", stream=stream)
        going_on.set()
        pool.close_connections()
    assert limiter.told == ["overloaded", "overloaded"]


def test_headers_of_a_request_are_sent(pool: Pool) -> None:
    with serving(lambda _: "fine") as fake:
        client = client_of(fake, pool)
        request = Request(prompt="?", headers={"X-Team": "blue", "Authorization": "Basic eA=="})
        pool.start(lambda: client.send(request)).result()
        pool.close_connections()
    assert fake.headers[0]["x-team"] == "blue"


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


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 429, 500])
def test_an_error_says_with_which_status_it_ended(pool: Pool, status: int) -> None:
    with serving(lambda _: Reply(status=status)) as fake:
        with pytest.raises(EndpointError) as caught:
            client_of(fake, pool).ask("?")
        pool.close_connections()
    assert caught.value.status == status


def test_without_an_http_status_there_is_none(pool: Pool) -> None:
    replies: Iterator[Reply] = itertools.chain([Reply(status=500)], itertools.repeat(Reply(content=b"[")))
    with serving(lambda _: next(replies)) as fake:
        with pytest.raises(EndpointError, match="HTTP 500") as caught:
            client_of(fake, pool).ask("?")
        pool.close_connections()
    assert caught.value.status is None


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
        assert Client(endpoint, [outer], pool).behind(inner).ask("?").text == "FINE"
        pool.close_connections()
    assert seen == ["outer", "inner sees 2 messages"]
    assert [message["role"] for message in fake.requests[0]["messages"]] == ["system", "user"]


def test_the_models_of_an_endpoint(pool: Pool) -> None:
    with serving(lambda _: "") as fake:
        fake.models = ["a", "b"]
        endpoint = Endpoint(fake.url, "")
        assert pool.start(lambda: list_models(endpoint, pool)).result() == ["a", "b"]
        pool.close_connections()
