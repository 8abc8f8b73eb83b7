"""Proxies and certificates that the environment names."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from yarl import URL

from pytest_nemo_eval import Client, Endpoint, Request, Secret
from pytest_nemo_eval.client import Pool, RetryPolicy
from pytest_nemo_eval.client.proxies import proxy_of
from pytest_nemo_eval.errors import EndpointError
from tests.fake_endpoint import Reply, completion, serving


class Recorder(BaseHTTPRequestHandler):
    """Answers whatever it is asked; tunnels nothing."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, str]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(200, completion({"messages": []}, Reply("through the proxy")))

    def do_CONNECT(self) -> None:
        self.answer(403, b"")

    def answer(self, status: int, content: bytes) -> None:
        self.asked.append((self.command, self.path, self.headers.get("proxy-authorization", "")))
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return


class Server:
    """Recorder on a port of its own, with TLS or without."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Recorder,), {"asked": self.asked}))
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def proxy() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def ask(url: str, pool: Pool, stream: bool = False) -> str:
    client = Client(Endpoint(url, "m", api_key=Secret("sk-0123456789")), [], pool, RetryPolicy(0))
    return client.ask("?", stream=stream).text


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(("scheme", "stream"), [("http://", False), ("", False), ("http://", True)])
def test_a_proxy_is_used(
    pool: Pool, proxy: Server, monkeypatch: pytest.MonkeyPatch, variable: str, scheme: str, stream: bool
) -> None:
    monkeypatch.setenv(variable, f"{scheme}127.0.0.1:{proxy.port}")
    assert ask("http://model.example/v1", pool, stream) == "through the proxy"
    assert proxy.asked == [("POST", "http://model.example/v1/chat/completions", "")]
    pool.close_connections()


def test_this_machine_is_reached_directly(pool: Pool, proxy: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    with serving(lambda _: "directly") as fake:
        assert ask(fake.url, pool) == ask(fake.url.replace("127.0.0.1", "localhost"), pool) == "directly"
        assert ask(fake.url, pool, stream=True) == "directly"
        pool.close_connections()
    assert proxy.asked == []


def test_a_proxys_credentials_reach_the_proxy_alone(pool: Pool, proxy: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("HTTP", "HTTPS"):
        monkeypatch.setenv(f"{scheme}_PROXY", f"http://us%40er:pass%3Aword@127.0.0.1:{proxy.port}")
    ask("http://model.example/v1", pool)
    with pytest.raises(EndpointError, match="403") as caught:
        ask("https://model.example/v1", pool)
    basic = f"Basic {base64.b64encode(b'us@er:pass:word').decode()}"
    assert proxy.asked == [
        ("POST", "http://model.example/v1/chat/completions", basic),
        ("CONNECT", "model.example:443", basic),
    ]
    assert "word" not in str(caught.value)
    pool.close_connections()


def test_a_proxy_of_another_kind(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://user:password@127.0.0.1:9")
    with pytest.raises(EndpointError, match=r"could not be sent.*a socks5 proxy") as caught:
        ask("http://model.example/v1", pool)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "no_proxy", "expected"),
    [
        ("http://h.example/v1", "", "http://p:1"),
        ("https://h.example/v1", "", "http://s:2"),
        ("https://h.example/v1", "other.example", "http://s:2"),
        *(("https://h.example/v1", entry, None) for entry in ("*", "h.example", "example", ".example", "x, h.example")),
        ("https://h.example:8443/v1", "h.example:8443", None),
        ("https://h.example:8443/v1", "h.example:443", "http://s:2"),
        ("http://10.1.2.3:8000/v1", "192.168.0.0/16", "http://p:1"),
        ("http://10.1.2.3:8000/v1", "192.168.0.0/16,10.0.0.0/8", None),
        ("http://[fd00::1]:8000/v1", "fd00::/8", None),
        *((f"http://{host}:8000/v1", "", None) for host in ("127.0.0.1", "127.8.8.8", "[::1]", "localhost", "0.0.0.0")),
    ],
)
def test_which_proxy(url: str, no_proxy: str, expected: str | None) -> None:
    proxies = {"http": "p:1", "https": "http://s:2", "no": no_proxy}
    assert proxy_of(URL(url), proxies) == expected


def test_no_proxy_at_all() -> None:
    assert proxy_of(URL("https://h.example/v1"), {"no": "x"}) is None


def test_a_certificate_of_ones_own(pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Server(context)
    url = f"https://127.0.0.1:{server.port}/v1"
    with pytest.raises(EndpointError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(url, pool)
    pool.close_connections()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert ask(url, pool) == ask(url, pool, stream=True) == "through the proxy"
    pool.close_connections()
    server.close()


def test_as_many_connections_as_requests(pool: Pool) -> None:
    together = threading.Barrier(110)

    def answer(_: str) -> str:
        together.wait(60)
        return "fine"

    with serving(answer) as fake:
        client = Client(Endpoint(fake.url, "m"), [], pool)
        requests = [pool.start(lambda: client.send(Request(prompt="?"))) for _ in range(together.parties)]
        assert {request.result().text for request in requests} == {"fine"}
        pool.close_connections()
