"""The HTTP side: OpenAI's paths, with and without a slash at the end, in front of what answers calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from .values import CHAT, COMPLETIONS, Call, Reply

PROTOCOLS: Mapping[str, str] = {"/v1/chat/completions": CHAT, "/v1/completions": COMPLETIONS}


class Behind(Protocol):
    """What stands behind the front. Threads call it at once."""

    def ready(self) -> bool:
        """Whether a call would be answered now."""
        ...

    def version(self) -> str: ...

    def answer(self, call: Call) -> Reply:
        """Raises:
        UnavailableError: it is not there; whoever asked may try again.
        """
        ...


class UnavailableError(Exception):
    """What stands behind does not answer."""


class Front(ThreadingHTTPServer):
    """Listens at once, and answers 503 until what stands behind is ready.

    Args:
        address: host and port.
        model: the name that requests carry.
        behind: answers.
    """

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], model: str, behind: Behind) -> None:
        super().__init__(address, _Handler)
        self.model = model
        self.behind = behind

    def start(self) -> None:
        """Answer in threads of its own."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # a header and its body in one packet
    server: Front

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].rstrip("/")
        if path in PROTOCOLS:
            self._send(Reply.error(405, f"{path} takes POST"))
        elif path in ("/health", "/v1/health"):
            self._send(Reply(200, "{}") if self._ready() else _not_ready())
        elif path == "/v1/models" and not self._ready():
            self._send(_not_ready())
        elif path == "/v1/models":
            entry = {"id": self.server.model, "object": "model", "owned_by": "pytest-nemo-eval"}
            self._send(Reply(200, json.dumps({"object": "list", "data": [entry]})))
        elif path == "/version":
            self._send(self._version())
        else:
            self._send(_unknown(path))

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal():
            self.close_connection = True
            self._send(Reply.error(411, "the body needs a Content-Length"))
            return
        body = self.rfile.read(int(length))
        path = self.path.partition("?")[0].rstrip("/")
        protocol = PROTOCOLS.get(path)
        self._send(_unknown(path) if protocol is None else self._answer(protocol, body))

    def _answer(self, protocol: str, body: bytes) -> Reply:
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            return Reply.error(400, f"The body is not UTF-8: {error.reason}")
        try:
            return self.server.behind.answer(Call(protocol, text))
        except UnavailableError as error:
            return Reply.error(503, str(error))

    def _version(self) -> Reply:
        try:
            return Reply(200, json.dumps({"version": self.server.behind.version()}))
        except UnavailableError as error:
            return Reply.error(503, str(error))

    def _ready(self) -> bool:
        try:
            return self.server.behind.ready()
        except UnavailableError:
            return False

    def _send(self, reply: Reply) -> None:
        content = reply.body.encode("utf-8", "replace")
        self.send_response(reply.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        if self.close_connection:
            self.send_header("connection", "close")
        if reply.status == 503:
            self.send_header("retry-after", "1")
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """The evaluation has a record of its own."""


def _unknown(path: str) -> Reply:
    return Reply.error(404, f"there is no {path[:200]} here; there are {', '.join([*PROTOCOLS, '/v1/models'])}")


def _not_ready() -> Reply:
    return Reply.error(503, "the model is not ready")
