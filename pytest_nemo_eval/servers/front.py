"""The HTTP side: OpenAI's paths, with and without a slash at the end, in front of what answers calls."""

from __future__ import annotations

import json
import resource
import sys
import threading
import traceback
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from .values import CHAT, COMPLETIONS, Call, Reply

PROTOCOLS: Mapping[str, str] = {"/v1/chat/completions": CHAT, "/v1/completions": COMPLETIONS}
MOST_BYTES = 64 * 1024 * 1024
"""Of a body."""
IDLE_SECONDS = 120.0
"""How long a client may leave us waiting, for the rest of a body or for the next request."""
DRAIN_SECONDS = 2.0
OPEN_FILES = 8192
"""A connection takes one, and may take another to what stands behind."""


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


def allow_connections() -> None:
    """As many open files as this process needs: the usual limit of 1024 is less."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


class Front(ThreadingHTTPServer):
    """Listens at once, and answers 503 until what stands behind is ready.

    Args:
        address: host and port.
        model: the name that requests carry.
        behind: answers.
        idle_seconds: how long a client may leave us waiting.
        most_bytes: of a body.
    """

    daemon_threads = True
    request_queue_size = 1024

    def __init__(
        self,
        address: tuple[str, int],
        model: str,
        behind: Behind,
        idle_seconds: float = IDLE_SECONDS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        super().__init__(address, _Handler)
        self.model = model
        self.behind = behind
        self.idle_seconds = idle_seconds
        self.most_bytes = most_bytes

    def start(self) -> None:
        """Answer in threads of its own."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            traceback.print_exc(file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # a header and its body in one packet
    server: Front

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.idle_seconds)

    def handle_expect_100(self) -> bool:
        """``wfile`` keeps what is small, and the client waits for it."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        body = "transfer-encoding" in self.headers or self.headers.get("content-length", "0") != "0"
        if body:  # is not read; kept, it would be taken for the next request
            self.close_connection = True
        self._send(self._got(self.path.partition("?")[0].rstrip("/")))
        if body:
            self._drain()

    def _got(self, path: str) -> Reply:
        if path in PROTOCOLS:
            return Reply.error(405, f"{path} takes POST")
        if path in ("/health", "/v1/health"):
            return Reply(200, "{}") if self._ready() else _not_ready()
        if path == "/v1/models":
            entry = {"id": self.server.model, "object": "model", "owned_by": "pytest-nemo-eval"}
            models = json.dumps({"object": "list", "data": [entry]})
            return Reply(200, models) if self._ready() else _not_ready()
        return self._version() if path == "/version" else _unknown(path)

    def do_POST(self) -> None:
        body = self._body()
        if isinstance(body, Reply):
            self.close_connection = True
            self._send(body)
            self._drain()
            return
        if body is None:
            self.close_connection = True
            return
        path = self.path.partition("?")[0].rstrip("/")
        protocol = PROTOCOLS.get(path)
        self._send(_unknown(path) if protocol is None else self._answer(protocol, body))

    def _body(self) -> bytes | Reply | None:
        """The whole body, why it is not taken, or None where the client went away before its end."""
        length = self.headers.get("content-length", "")
        if "transfer-encoding" in self.headers or not length.isdecimal():
            return Reply.error(411, "the body needs a Content-Length, and no Transfer-Encoding")
        most = self.server.most_bytes
        if len(length) > len(str(most)) or int(length) > most:
            return Reply.error(413, f"the body has {length[:20]} bytes; {most} are taken at most")
        try:
            body = self.rfile.read(int(length))
        except TimeoutError:
            return Reply.error(408, f"the rest of the body did not come within {self.server.idle_seconds:g} s")
        return body if len(body) == int(length) else None

    def _drain(self) -> None:
        """Throw away what is still coming for a while: closed at once, the client would not see the reply."""
        left = 4 * self.server.most_bytes
        self.connection.settimeout(DRAIN_SECONDS)
        while left > 0 and (piece := self.connection.recv(65536)):
            left -= len(piece)

    def _answer(self, protocol: str, body: bytes) -> Reply:
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            return Reply.error(400, f"The body is not UTF-8: {error.reason}")
        try:
            return self.server.behind.answer(Call(protocol, text))
        except UnavailableError as error:
            return Reply.error(503, str(error))
        except Exception as error:  # a mistake of ours: an answer, and a word in the log
            traceback.print_exc(file=sys.stderr)
            return Reply.error(500, f"the server failed: {type(error).__name__} (see its log)")

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
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """The evaluation has a record of its own."""


def _unknown(path: str) -> Reply:
    return Reply.error(404, f"there is no {path[:200]} here; there are {', '.join([*PROTOCOLS, '/v1/models'])}")


def _not_ready() -> Reply:
    return Reply.error(503, "the model is not ready")
