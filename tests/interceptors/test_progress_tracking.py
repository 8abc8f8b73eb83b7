from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from pytest_nemo_eval.errors import ConfigError, EndpointError
from pytest_nemo_eval.interceptors.progress_tracking import ProgressTracking, ProgressTrackingConfig
from tests.interceptors.models import Model, ask, run
from tests.processes import wait_for


class Webhook:
    """Notes what it is told; answers once ``free`` is set."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, object]] = []
        self.status = 200
        self.free = threading.Event()
        self.free.set()
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def note(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with webhook._lock:
                    webhook.told.append((self.command, self.path, body))
                    webhook.at_once += 1
                    webhook.most_at_once = max(webhook.most_at_once, webhook.at_once)
                webhook.free.wait()
                with webhook._lock:
                    webhook.at_once -= 1
                self.send_response(webhook.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def do_PATCH(self) -> None:
                self.note()

            def do_POST(self) -> None:
                self.note()

            def do_PUT(self) -> None:
                self.note()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/progress"

    @property
    def counts(self) -> list[int]:
        return [body["samples_processed"] for _, _, body in self.told if isinstance(body, dict)]

    def close(self) -> None:
        self.free.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message may take as long as this machine does."""
    monkeypatch.setattr("pytest_nemo_eval.interceptors.progress_tracking.TIMEOUT_SECONDS", 60.0)
    monkeypatch.setattr("pytest_nemo_eval.interceptors.progress_tracking.CLOSE_SECONDS", 60.0)


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch, _slow_machine: None) -> None:
    """Closing does not wait."""
    monkeypatch.setattr("pytest_nemo_eval.interceptors.progress_tracking.CLOSE_SECONDS", 0.0)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook()
    yield webhook
    webhook.close()


def tracking(url: str, **keys: int | str) -> ProgressTracking:
    return ProgressTracking(msgspec.convert({"progress_tracking_url": url, **keys}, ProgressTrackingConfig))


def answer(progress: ProgressTracking, count: int) -> None:
    model = Model()

    async def main() -> None:
        for _ in range(count):
            await progress(ask(), model)

    run(main())
    assert len(model.asked) == count


def test_the_count_grows_and_ends_with_all(webhook: Webhook) -> None:
    progress = tracking(webhook.url)
    answer(progress, 10)
    progress.close()
    progress.close()
    assert webhook.counts == sorted(set(webhook.counts))
    assert webhook.told[-1] == ("PATCH", "/progress", {"samples_processed": 10})
    assert progress.report() == {"samples_processed": 10, "messages": len(webhook.told), "failures": 0}


@pytest.mark.parametrize(
    ("keys", "method", "counts"),
    [
        ({"interval": 100}, "PATCH", [5]),
        ({"every": 5, "request_method": "POST"}, "POST", [5]),
        ({"progress_tracking_interval": 5, "request_method": "PUT"}, "PUT", [5]),
    ],
)
def test_keys(webhook: Webhook, keys: dict[str, int | str], method: str, counts: list[int]) -> None:
    progress = tracking(webhook.url, **keys)
    answer(progress, 5)
    progress.close()
    assert webhook.counts == counts
    assert webhook.told[0][0] == method


@pytest.mark.usefixtures("_hasty")
def test_a_webhook_that_hangs_holds_nothing_up(webhook: Webhook) -> None:
    """All answers come, and the interceptor closes, while the first message waits; the last one follows it."""
    webhook.free.clear()
    progress = tracking(webhook.url)
    answer(progress, 50)
    progress.close()
    assert len(webhook.told) <= 1
    webhook.free.set()
    wait_for(lambda: webhook.counts[-1:] == [50])
    assert len(webhook.told) <= 3
    assert webhook.most_at_once == 1


@pytest.mark.usefixtures("_hasty")
def test_closed_while_it_hangs_and_used_again_it_still_sends_one_at_a_time(webhook: Webhook) -> None:
    webhook.free.clear()
    progress = tracking(webhook.url)
    for _ in range(3):
        answer(progress, 5)
        progress.close()
    webhook.free.set()
    wait_for(lambda: webhook.counts[-1:] == [15])
    assert webhook.most_at_once == 1
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name == "nemo-eval-progress"])


def test_a_webhook_that_refuses_fails_nothing(webhook: Webhook) -> None:
    webhook.status = 500
    progress = tracking(webhook.url, interval=3)
    answer(progress, 3)
    progress.close()
    report = progress.report()
    assert report["messages"] == 0
    assert report["last_failure"] == "HTTP 500"


def test_nobody_there_fails_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        progress = tracking(f"http://127.0.0.1:{taken.getsockname()[1]}/")
        answer(progress, 3)
        progress.close()
    assert progress.report()["last_failure"] == "ConnectError"


def test_errors_are_not_counted_and_go_on(webhook: Webhook) -> None:
    progress = tracking(webhook.url)
    with pytest.raises(EndpointError):
        run(progress(ask(), Model(EndpointError("gone"))))
    progress.close()
    assert webhook.told == []


def test_it_goes_on_after_it_was_closed(webhook: Webhook) -> None:
    progress = tracking(webhook.url)
    for count in (1, 2):
        answer(progress, 1)
        progress.close()
        assert webhook.counts[-1] == count


def test_proxies_of_the_environment(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", webhook.url.removesuffix("/progress"))
    progress = tracking("http://progress.example.com/here")
    answer(progress, 1)
    progress.close()
    assert webhook.told == [("PATCH", "http://progress.example.com/here", {"samples_processed": 1})]


def test_this_machine_is_reached_directly(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    progress = tracking(webhook.url)
    answer(progress, 1)
    progress.close()
    assert webhook.counts == [1]


def test_a_proxy_that_cannot_be_used_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "carrier-pigeon://example.com")
    progress = tracking("http://progress.example.com/here")
    answer(progress, 3)
    progress.close()
    assert progress.report()["messages"] == 0
    assert progress.report()["last_failure"] == "ValueError"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "progress_tracking_url is"),
        ({"webhook_url": "localhost:8000"}, "progress_tracking_url is"),
        ({"webhook_url": "http://h", "progress_tracking_url": "http://h"}, "mean the same"),
        ({"webhook_url": "http://h", "interval": 1, "every": 1}, "mean the same"),
        ({"webhook_url": "http://h", "interval": 0}, "1 at the least"),
        ({"webhook_url": "http://h", "request_method": "GET"}, "request_method"),
        ({"webhook_url": "http://h", "output_dir": "x"}, "unknown field"),
    ],
)
def test_refused_keys(keys: dict[str, object], words: str) -> None:
    with pytest.raises((ConfigError, msgspec.ValidationError), match=words):
        msgspec.convert(keys, ProgressTrackingConfig)
