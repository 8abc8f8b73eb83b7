from __future__ import annotations

import http.client
import json
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import Any

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
def running(behind: Direct, **settings: Any) -> Iterator[tuple[str, int]]:
    with Front(("127.0.0.1", 0), "m", behind, **settings) as front:
        front.start()
        yield ("127.0.0.1", front.server_port)
        front.shutdown()


@contextmanager
def serving(behind: Direct) -> Iterator[Ask]:
    with running(behind) as address, closing(http.client.HTTPConnection(*address, timeout=10)) as connection:

        def ask(
            method: str, path: str, body: str | bytes | Iterator[bytes] | None = None
        ) -> tuple[int, dict[str, object]]:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

        yield ask


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


def exchange(address: tuple[str, int], *pieces: bytes, more: bool = True) -> bytes:
    """What comes back until the end; where ``more`` is False, the client says that it sends nothing further."""
    with socket.create_connection(address, timeout=20) as client:
        for piece in pieces:
            client.sendall(piece)
        if not more:
            client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def head(method: str = "POST", path: str = "/v1/chat/completions", **headers: str | int) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: h", *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def status_of(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


@pytest.mark.parametrize("length", ["100001", "9" * 30, "9" * 5000])
def test_a_huge_body_is_refused_before_it_is_read(behind: Direct, length: str) -> None:
    with running(behind, most_bytes=100_000) as address:
        reply = exchange(address, head(Content_Length=length), b"x" * 100_001, more=False)
        assert status_of(reply) == 413
        assert b"100000 are taken at most" in reply
        body = json.dumps({**json.loads(ASK), "user": "u" * 99_000}).encode()
        assert status_of(exchange(address, head(Content_Length=len(body), Connection="close"), body)) == 200


def test_a_body_that_does_not_come_is_not_waited_for_without_end(behind: Direct) -> None:
    with running(behind, idle_seconds=0.2) as address:
        assert status_of(exchange(address, head(Content_Length=len(ASK)), ASK[:5].encode())) == 408
        assert exchange(address) == b""


def test_a_client_that_goes_away_in_its_body_has_asked_nothing(behind: Direct) -> None:
    whole = head(Content_Length=len(ASK) + 1)
    with running(behind) as address:
        assert exchange(address, whole, ASK.encode(), more=False) == b""
        assert status_of(exchange(address, head("GET", "/health", Connection="close"))) == 200
    assert behind.bridge._engine.batches == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "chunked",
    [head(Transfer_Encoding="chunked"), head(Transfer_Encoding="chunked", Content_Length=1)],
    ids=["alone", "with a length"],
)
def test_chunks_are_refused_and_nothing_of_them_is_a_request(behind: Direct, chunked: bytes) -> None:
    chunk = head("GET", "/health")
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(chunk), chunk)
    with running(behind) as address:
        reply = exchange(address, chunked, body, more=False)
        assert status_of(reply) == 411
        assert reply.count(b"HTTP/1.1") == 1
        reply = exchange(address, head("GET", "/health", Content_Length=len(chunk)), chunk, more=False)
        assert (status_of(reply), reply.count(b"HTTP/1.1")) == (200, 1)


def test_head_is_get_without_a_body(behind: Direct) -> None:
    with running(behind) as address:
        reply = exchange(address, head("HEAD", "/health"), head("HEAD", "/nothing", Connection="close"))
    first, second, rest = reply.split(b"\r\n\r\n")
    assert (status_of(first), status_of(second), rest) == (200, 404, b"")
    assert first.endswith(b"content-length: 2")


def test_a_client_that_waits_for_100_is_told_to_go_on(behind: Direct) -> None:
    with running(behind) as address, socket.create_connection(address, timeout=10) as client:
        client.sendall(head(Content_Length=len(ASK), Expect="100-continue", Connection="close"))
        assert status_of(client.recv(65536)) == 100
        client.sendall(ASK.encode())
        assert status_of(client.recv(65536)) == 200


def test_many_connections_at_once(behind: Direct) -> None:
    """All are open before the first is served."""
    with running(behind) as address, ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(300)]
        for client in clients:
            client.sendall(head(Content_Length=len(ASK), Connection="close") + ASK.encode())
        with ThreadPoolExecutor(20) as pool:
            assert set(pool.map(lambda client: status_of(client.recv(65536)), clients)) == {200}


def test_a_mistake_of_ours_is_answered_and_logged(ask: Ask, behind: Direct, capfd: pytest.CaptureFixture[str]) -> None:
    behind.bridge = None  # type: ignore[assignment]
    status, reply = ask("POST", "/v1/completions", "{}")
    assert status == 500
    assert "AttributeError" in str(reply)
    assert "AttributeError" in capfd.readouterr().err


def test_a_client_that_does_not_wait_for_its_answer_is_no_news(
    behind: Direct, capfd: pytest.CaptureFixture[str]
) -> None:
    with running(behind) as address:
        for _ in range(20):
            with socket.create_connection(address, timeout=10) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(head(Content_Length=len(ASK)) + ASK.encode())
        assert status_of(exchange(address, head("GET", "/health", Connection="close"))) == 200
    assert capfd.readouterr().err == ""
