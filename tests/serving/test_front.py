from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from pytest_nemo_eval.servers.bridge import Bridge
from pytest_nemo_eval.servers.front import Front, UnavailableError
from pytest_nemo_eval.servers.values import VERSION, Call, Reply
from tests.serving.engines import CharacterEngine

ASK = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
Ask = Callable[..., tuple[int, dict[str, object]]]


class Direct:
    """The bridge right behind the front; up or down."""

    def __init__(self) -> None:
        self.up = True
        self.bridge = Bridge(CharacterEngine(), "m", 4)

    def ready(self) -> bool:
        return self.up

    def version(self) -> str:
        return self.answer(Call(VERSION, "")).body

    def answer(self, call: Call) -> Reply:
        if not self.up:
            raise UnavailableError("it is down")
        return self.bridge.answer([call])[0]


@contextmanager
def serving(behind: Direct) -> Iterator[Ask]:
    with Front(("127.0.0.1", 0), "m", behind) as front:
        front.start()
        with closing(http.client.HTTPConnection(*front.server_address[:2], timeout=10)) as connection:  # type: ignore[arg-type]

            def ask(
                method: str, path: str, body: str | bytes | Iterator[bytes] | None = None
            ) -> tuple[int, dict[str, object]]:
                connection.request(method, path, body)
                response = connection.getresponse()
                return response.status, json.loads(response.read())

            yield ask
        front.shutdown()


@pytest.fixture
def behind() -> Direct:
    return Direct()


@pytest.fixture
def ask(behind: Direct) -> Iterator[Ask]:
    with serving(behind) as ask:
        yield ask


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/chat/completions/", "/v1/chat/completions?x=1"])
def test_paths_with_and_without_a_slash(ask: Ask, path: str) -> None:
    status, reply = ask("POST", path, ASK)
    assert (status, reply["object"]) == (200, "chat.completion")


def test_one_connection_serves_all(ask: Ask) -> None:
    assert ask("GET", "/v1/models")[1]["data"] == [{"id": "m", "object": "model", "owned_by": "pytest-nemo-eval"}]
    assert ask("GET", "/v1/models/")[0] == 200
    assert ask("GET", "/health")[0] == 200
    assert ask("GET", "/v1/health/")[0] == 200
    assert ask("GET", "/version")[1] == {"version": "characters 1"}
    assert ask("POST", "/v1/completions/", '{"prompt": "x"}')[1]["object"] == "text_completion"
    assert ask("POST", "/v1/embeddings", "{}")[0] == 404
    assert ask("GET", "/metrics")[0] == 404
    assert ask("GET", "/v1/completions")[0] == 405
    assert ask("POST", "/v1/completions", b"\xff")[0] == 400
    assert ask("GET", "/health")[0] == 200


def test_503_while_it_is_down(ask: Ask, behind: Direct) -> None:
    behind.up = False
    assert ask("GET", "/health")[0] == 503
    assert ask("GET", "/v1/models")[0] == 503
    assert ask("GET", "/version")[0] == 503
    status, reply = ask("POST", "/v1/chat/completions", ASK)
    assert status == 503
    assert reply["error"] == {"message": "it is down", "type": "ServiceUnavailableError", "param": None, "code": 503}
    behind.up = True
    assert ask("POST", "/v1/chat/completions", ASK)[0] == 200


def test_a_body_needs_a_length(ask: Ask) -> None:
    assert ask("POST", "/v1/completions", iter([b"x"]))[0] == 411
    assert ask("POST", "/v1/completions", None)[0] == 400
