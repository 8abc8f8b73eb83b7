"""The broker over loopback, for the workers of pytest-xdist."""

from __future__ import annotations

import hmac
import secrets
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from ..errors import DeploymentError, EvalError
from ..server import ServerAddress
from .broker import Broker
from .spec import DeploymentSpec

LONGEST_BODY = 10_000_000
MARGIN_SECONDS = 120.0


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the broker says: an address, a diagnosis, or an error."""

    address: ServerAddress | None = None
    diagnosis: str | None = None
    error: str | None = None


class BrokerServer:
    """Lets other processes of this machine that know the token borrow from a broker."""

    def __init__(self, broker: Broker) -> None:
        self.token = secrets.token_urlsafe(32)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(broker, self.token))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


def _handler(broker: Broker, token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            said = self.headers.get("authorization", "")
            length = self.headers.get("content-length", "")
            if not hmac.compare_digest(said.encode("latin-1", "replace"), f"Bearer {token}".encode()):
                self._reply(403, Answer(error="wrong token"))
            elif not length.isdigit() or int(length) > LONGEST_BODY:
                self._reply(400, Answer(error="no usable body"))
            else:
                self._serve(self.rfile.read(int(length)))

        def _serve(self, body: bytes) -> None:
            try:
                spec = msgspec.json.decode(body, type=DeploymentSpec)
                if self.path == "/acquire":
                    self._reply(200, Answer(address=broker.acquire(spec)))
                elif self.path == "/diagnose":
                    self._reply(200, Answer(diagnosis=broker.diagnose(spec)))
                else:
                    self._reply(404, Answer(error=f"no such path: {self.path}"))
            except (EvalError, msgspec.MsgspecError) as error:
                self._reply(200, Answer(error=str(error)))

        def _reply(self, status: int, answer: Answer) -> None:
            content = msgspec.json.encode(answer)
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    return Handler


class RemoteBroker:
    """A broker in another process of this machine."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def acquire(self, spec: DeploymentSpec) -> ServerAddress:
        answer = self._ask("acquire", spec, spec.timeout + MARGIN_SECONDS)
        if answer.address is None:
            raise DeploymentError(answer.error or "the broker gave no address")
        return answer.address

    def diagnose(self, spec: DeploymentSpec) -> str | None:
        try:
            return self._ask("diagnose", spec, MARGIN_SECONDS).diagnosis
        except DeploymentError:
            return None

    def _ask(self, path: str, spec: DeploymentSpec, timeout: float) -> Answer:
        request = urllib.request.Request(  # noqa: S310  # always http://127.0.0.1
            f"{self._url}/{path}",
            data=msgspec.json.encode(spec),
            headers={"authorization": f"Bearer {self._token}", "content-type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=timeout) as reply:
                return msgspec.json.decode(reply.read(), type=Answer)
        except urllib.error.HTTPError as error:
            with error:
                raise DeploymentError(f"the broker refuses: HTTP {error.code}") from None
        except (OSError, msgspec.MsgspecError) as error:
            raise DeploymentError(f"the broker does not answer, the session is ending: {error}") from None
