"""The key of an endpoint shows in no answer and in no error, whatever the server does with it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pytest_nemo_eval import Client, Endpoint, Secret
from pytest_nemo_eval.client import Pool, RetryPolicy
from pytest_nemo_eval.client.client import list_models
from pytest_nemo_eval.errors import EndpointError
from tests.fake_endpoint import Reply, serving
from tests.leaks import parts_shown

KEY = 'sk-0123/456789+abcdef"ghijklm='
ECHO = f"you sent Bearer {KEY}"


def ask(url: str, pool: Pool, key: Secret = Secret(KEY)) -> str:
    return Client(Endpoint(url, "m", api_key=key), [], pool, RetryPolicy(retries=0)).ask("?").text


def models(url: str, pool: Pool, key: Secret = Secret(KEY)) -> str:
    return str(pool.start(lambda: list_models(Endpoint(url, "m", api_key=key), pool)).result())


def escaped(text: str) -> str:
    return json.dumps(text).replace("/", "\\/")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(content=ECHO.encode()),
        Reply(content=json.dumps({"error": ECHO}).encode()),
        Reply(content=f'{{"choices": {escaped(ECHO)}}}'.encode()),
        Reply(content=f"{' ' * 185}{ECHO}".encode()),
        *(Reply(status=status, content=f"{'x' * 470} {ECHO}".encode()) for status in (400, 401, 404, 500)),
        Reply(status=400, content=json.dumps({"error": {"message": f"{'x' * 470} {ECHO}"}}).encode()),
        Reply(status=401, content=f'{{"detail": {{"headers": {escaped(ECHO)}}}}}'.encode()),
    ],
)
def test_what_is_no_answer(pool: Pool, reply: Reply) -> None:
    with serving(lambda _: reply) as fake:
        with pytest.raises(EndpointError) as caught:
            ask(fake.url, pool)
        pool.close_connections()
    assert fake.headers[0]["authorization"] == f"Bearer {KEY}"
    assert parts_shown(KEY, str(caught.value)) == set()


def test_an_answer_that_holds_the_key(pool: Pool) -> None:
    with serving(lambda _: f"{ECHO}, and that is it") as fake:
        assert ask(fake.url, pool) == "you sent Bearer [key], and that is it"
        pool.close_connections()


@pytest.mark.parametrize("key", ["EMPTY", "42", "none"])
def test_a_placeholder_changes_no_answer(pool: Pool, key: str) -> None:
    with serving(lambda _: f"it is {key}") as fake:
        assert ask(fake.url, pool, Secret(key)) == f"it is {key}"
        pool.close_connections()


def test_the_list_of_models(pool: Pool) -> None:
    with serving(lambda _: "") as fake:
        fake.models = ["a", ECHO]
        assert models(fake.url, pool) == "['a', 'you sent Bearer [key]']"
        pool.close_connections()


@pytest.mark.parametrize("send", [ask, models])
@pytest.mark.parametrize("word", ["ü", "\r\nx", "\0"])
def test_a_header_that_cannot_be_sent(pool: Pool, send: Callable[[str, Pool, Secret], str], word: str) -> None:
    """Secret refuses such keys; this is one that came by another way."""
    secret = Secret(KEY)
    secret._value += word
    with pytest.raises(EndpointError) as caught:
        send("http://127.0.0.1:9/v1", pool, secret)
    assert parts_shown(KEY, str(caught.value)) == set()
    assert caught.value.__suppress_context__
