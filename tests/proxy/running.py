"""The proxy as a process of its own, before an upstream that a test writes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.fake_endpoint import QuietServer

Body = dict[str, Any]
SSE = {"content-type": "text/event-stream; charset=utf-8"}
JSON = {"content-type": "application/json"}


class Asked:
    """One request to the upstream, and the means to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, content: bytes) -> None:
        self.method, self.path, self.content = handler.command, handler.path, content
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self._handler = handler

    @property
    def body(self) -> Body:
        body: Body = json.loads(self.content)
        return body

    def answer(self, content: bytes | object, status: int = 200, headers: dict[str, str] = JSON) -> None:
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.begin(status, {"content-length": str(len(content)), **headers})
        self._handler.wfile.write(content)

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def write(self, content: bytes) -> None:
        self._handler.wfile.write(content)

    def begin_stream(self) -> None:
        self.begin(200, {**SSE, "transfer-encoding": "chunked", "x-request-id": "r1"})

    def chunk(self, content: bytes) -> None:
        """One piece of a stream; the last is empty."""
        self._handler.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self._handler.wfile.flush()

    def stream(self, *chunks: bytes) -> None:
        self.begin_stream()
        for chunk in (*chunks, b""):
            self.chunk(chunk)

    def break_off(self) -> None:
        """End the connection in the middle."""
        self._handler.close_connection = True
        self._handler.connection.shutdown(socket.SHUT_RDWR)

    def wait_for_the_end(self) -> bool:
        """Whether the other side closes the connection, within 20 s."""
        self._handler.connection.settimeout(20)
        end: bytes = self._handler.connection.recv(1)
        return end == b""


@dataclass
class Upstream:
    url: str
    asked: list[Asked] = field(default_factory=list)

    @property
    def bodies(self) -> list[Body]:
        return [one.body for one in self.asked]


@contextmanager
def upstream(answer: Callable[[Asked], None]) -> Iterator[Upstream]:
    """Answers every request by ``answer``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = Asked(self, self.rfile.read(int(self.headers.get("content-length", "0"))))
            found.asked.append(asked)
            answer(asked)

        do_GET = do_DELETE = do_HEAD = do_POST  # noqa: N815  # http.server's names

        def log_message(self, *_: object) -> None:
            return

    server = QuietServer(("127.0.0.1", 0), Handler)
    found = Upstream(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Running:
    """A proxy."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url
        self.port = urlsplit(url).port or 0

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    @contextmanager
    def open(
        self, method: str, path: str, content: bytes | object = b"", headers: dict[str, str] = JSON
    ) -> Iterator[HTTPResponse]:
        """An answer whose body is still to be read."""
        connection = self.connect()
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        with closing(connection):
            connection.request(method, path, content, headers)
            with connection.getresponse() as reply:
                yield reply

    def send(
        self, method: str, path: str, content: bytes | object = b"", headers: dict[str, str] = JSON
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        with self.open(method, path, content, headers) as reply:
            return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()

    def chat(self, path: str = "/v1/chat/completions", **body: object) -> tuple[int, dict[str, str], bytes]:
        messages = [{"role": "user", "content": "2+2?"}]
        return self.send("POST", path, {"model": "m", "messages": messages, **body})

    def end(self) -> tuple[int, str, str]:
        """Exit code, standard output (without the line of the URL) and error after SIGTERM."""
        self.process.terminate()
        out, error = self.process.communicate(timeout=30)
        return self.process.returncode, out, error


@contextmanager
def proxy(url: str, folder: Path, chain: str = "", *options: str, **variables: str) -> Iterator[Running]:
    """A proxy before ``url``.

    Args:
        chain: the YAML of its chain file.
        variables: of its environment.
    """
    argv = [sys.executable, "-m", "pytest_nemo_eval.proxy", "--upstream", url, *options]
    if chain:
        (folder / "chain.yaml").write_text(chain)
        argv += ["--chain", str(folder / "chain.yaml")]
    process = subprocess.Popen(
        argv,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line.startswith("http://127.0.0.1:"), process.communicate()
        yield Running(process, line)
    finally:
        process.kill()
        process.communicate()


def completion(text: str | None, **message: object) -> Body:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "m-2024",
        "system_fingerprint": "fp",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8, "odd": {"cached": 1}},
        "odd": [1],
    }


def event(chunk: object) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def piece(finish_reason: str | None = None, index: int = 0, **delta: object) -> Body:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 17, "model": "m-2024", "choices": [choice]}


USAGE: Body = {**piece(), "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}}
DONE = b"data: [DONE]\n\n"
