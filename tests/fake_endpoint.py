"""An OpenAI-compatible endpoint on loopback whose answers a test decides."""

from __future__ import annotations

import itertools
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass
class Reply:
    """What the endpoint says to one request: a text, or any status and content."""

    text: str = ""
    status: int = 200
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    finish_reason: str = "stop"


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that went away before they were answered: some tests are about that."""

    daemon_threads = True
    request_queue_size = 1024  # with the default, 5, the system makes most of many clients at once wait for a minute

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it came


class FakeEndpoint:
    """Answers by ``answer(question)``; what it was asked is in ``requests`` and ``headers``.

    ``metrics`` is what it says at ``/metrics``, a Reply each time; by default HTTP 404.
    """

    def __init__(self, answer: Callable[[str], Reply | str]) -> None:
        self.answer = answer
        self.models = ["fake-model"]
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.metrics: Iterator[Reply] = itertools.repeat(Reply(status=404))
        self.metrics_asked = 0
        self._lock = threading.Lock()
        self._server = QuietServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def note(self, path: str, body: Body, headers: dict[str, str]) -> None:
        with self._lock:
            self.paths.append(path)
            self.requests.append(body)
            self.headers.append(headers)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/v1/models":
                    self.reply(200, json.dumps({"data": [{"id": name} for name in endpoint.models]}).encode(), {})
                elif self.path == "/metrics":
                    reply = next(endpoint.metrics)
                    endpoint.metrics_asked += 1
                    self.reply(reply.status, reply.content or b"", reply.headers)
                else:
                    self.reply(404, b"{}", {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                endpoint.note(self.path, body, {name.lower(): value for name, value in self.headers.items()})
                reply = endpoint.answer(question_of(body))
                reply = Reply(reply) if isinstance(reply, str) else reply
                content = completion(body, reply) if reply.content is None else reply.content
                self.reply(reply.status, content, reply.headers)

            def reply(self, status: int, content: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {"content-length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return

        return Handler


def question_of(body: Body) -> str:
    return str(body["messages"][-1]["content"] if "messages" in body else body["prompt"])


def completion(body: Body, reply: Reply) -> bytes:
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    choice: Body = {"index": 0, "finish_reason": reply.finish_reason}
    if "messages" in body:
        choice["message"] = {"role": "assistant", "content": reply.text}
    else:
        choice["text"] = reply.text
    return json.dumps({"choices": [choice], "usage": usage}).encode()


@contextmanager
def serving(answer: Callable[[str], Reply | str]) -> Iterator[FakeEndpoint]:
    endpoint = FakeEndpoint(answer)
    try:
        yield endpoint
    finally:
        endpoint.close()
