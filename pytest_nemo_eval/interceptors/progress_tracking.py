"""How far an evaluation is, told to a webhook."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Mapping
from typing import ClassVar, Literal

import httpx

from ..chat import Json, Request, Response
from ..errors import ConfigError
from .base import CallNext, Config
from .spelling import either

TIMEOUT_SECONDS = 2.0
CLOSE_SECONDS = 1.0


class ProgressTrackingConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        progress_tracking_url: where the count is sent to; required.
        interval: answers between two messages (1).
        request_method: PATCH, POST or PUT.
        webhook_url: another spelling of progress_tracking_url.
        every, progress_tracking_interval: other spellings of interval.
    """

    progress_tracking_url: str | None = None
    webhook_url: str | None = None
    interval: int | None = None
    every: int | None = None
    progress_tracking_interval: int | None = None
    request_method: Literal["PATCH", "POST", "PUT"] = "PATCH"

    NOT_HERE: ClassVar[Mapping[str, str]] = {
        "interval_seconds": "interval counts answers; every count is sent as soon as the one before has arrived",
        "output_dir": "it writes no file: the Run's results.jsonl has a line for each finished sample",
    }

    def __post_init__(self) -> None:
        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in ("http", "https") or not url.host:
            raise ConfigError(
                "the interceptor progress_tracking: progress_tracking_url is where the count is sent to, as in "
                "http://HOST:8000/progress"
            )
        if self.answers < 1:
            raise ConfigError("the interceptor progress_tracking: interval is a number of answers, 1 at the least")

    @property
    def url(self) -> str:
        told = self.progress_tracking_url
        return either("progress_tracking", "", progress_tracking_url=told, webhook_url=self.webhook_url)

    @property
    def answers(self) -> int:
        told = self.progress_tracking_interval
        return either("progress_tracking", 1, interval=self.interval, every=self.every, progress_tracking_interval=told)


class ProgressTracking:
    """Sends ``{"samples_processed": N}`` now and then; neither slows an evaluation down nor fails it."""

    name: ClassVar[str] = "progress_tracking"
    changes_request: ClassVar[bool] = False
    changes_response: ClassVar[bool] = False

    def __init__(self, config: ProgressTrackingConfig) -> None:
        self._every = config.answers
        self._count = 0
        self._messages = _Messages(config.request_method, config.url)

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        self._count += 1
        if not self._count % self._every:
            self._messages.tell(self._count)
        return response

    def report(self) -> Mapping[str, Json]:
        """Messages that arrived, and those that did not."""
        messages = self._messages
        return {
            "samples_processed": self._count,
            "messages": messages.arrived,
            "failures": messages.failures,
            **({"last_failure": messages.last_failure} if messages.last_failure else {}),
        }

    def close(self) -> None:
        """Send the last count, and wait for that a second at most."""
        if self._count:
            self._messages.end(self._count)


class _Messages:
    """A thread that sends one message at a time, always the latest count.

    A thread rather than a task: whoever closes an interceptor need not be on the loop, nor the loop still run.
    """

    def __init__(self, method: str, url: str) -> None:
        self.arrived = 0
        self.failures = 0
        self.last_failure = ""
        self._method = method
        self._url = url
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._latest = 0
        self._delivered = 0
        self._sending = threading.Lock()

    def tell(self, count: int) -> None:
        """Have a count sent, unless a later one comes first."""
        with self._changed:
            self._latest = count
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nemo-eval-progress", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def end(self, count: int) -> None:
        """Have a last count sent, if it has not arrived yet."""
        with self._changed:
            if self._thread is None and self._delivered == count:
                return
        self.tell(count)
        with self._changed:
            thread, self._thread = self._thread, None  # which ends it
            self._changed.notify_all()
        if thread is not None:
            thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        client: httpx.Client | None = None
        tried, ending = 0, False
        try:
            while not ending:
                with self._changed:
                    self._changed.wait_for(lambda: self._is_over() or self._latest != tried)  # noqa: B023
                    ending = self._is_over()
                with self._sending:  # one that was ended may still hang, and send the latest count itself
                    tried = self._latest
                    if tried != self._delivered:
                        client = client or _client(self._url)
                        self._send(client, tried)
        except Exception as error:  # of a proxy or a certificate that cannot be used
            self._note(error)
        finally:
            if client is not None:
                client.close()

    def _is_over(self) -> bool:
        return self._thread is not threading.current_thread()

    def _send(self, client: httpx.Client, count: int) -> None:
        try:
            reply = client.request(self._method, self._url, json={"samples_processed": count})
            reply.raise_for_status()
        except Exception as error:  # httpx's, or the system's: an evaluation goes on without
            self._note(error)
        else:
            self.arrived += 1
            self._delivered = count

    def _note(self, error: Exception) -> None:
        """Without the URL, which may hold a key."""
        self.failures += 1
        status = f"HTTP {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else ""
        self.last_failure = status or type(error).__name__


def _client(url: str) -> httpx.Client:
    """Through the proxies that the environment names; to this machine directly."""
    return httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=not _is_near(httpx.URL(url).host))


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
