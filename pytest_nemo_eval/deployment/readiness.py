"""Waits until a server is ready."""

from __future__ import annotations

import http.client
import json
import shlex
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import DeploymentError
from ..launchers import Server
from ..server import ServerCommand
from .logs import LogTail, telling_lines
from .spec import DeploymentSpec

POLL_SECONDS = 0.25
PROBE_SECONDS = 5.0
SILENCE_SECONDS = 15.0


def wait_until_ready(
    server: Server, spec: DeploymentSpec, log: Path, report: Callable[[str], None], cancelled: threading.Event
) -> str:
    """Wait until each path of the probe answers 200, in order, and show what the log says meanwhile.

    Returns:
        The server's version, "" where it says none.

    Raises:
        DeploymentError: it ended, it took too long, or the session is ending.
    """
    start = last_word = time.monotonic()
    tail = LogTail(log)
    pending = list(spec.command.probe.paths)
    while pending:
        if server.poll() is not None:
            raise DeploymentError(f"the server ended before it was ready: {describe_end(server, spec.command, log)}")
        elapsed = time.monotonic() - start
        if elapsed > spec.timeout:
            server.stop()
            raise DeploymentError(
                f"the server was not ready after {spec.timeout:g} s (--deploy-timeout): "
                + describe_log(server, spec.command, log)
            )
        if cancelled.wait(POLL_SECONDS):
            raise DeploymentError("the session is ending")
        word = _progress(tail, spec.command)
        if word or time.monotonic() - last_word > SILENCE_SECONDS:
            last_word = time.monotonic()
            report(f"{word or 'waiting for the server'} ({elapsed:.0f} s)")
        while pending and _get(server, pending[0]) is not None:
            pending.pop(0)
    return _version(server)


def is_ready(server: Server, command: ServerCommand) -> bool:
    """Whether each path of the probe answers 200 now, and the server lists the model that it is to serve."""
    if any(_get(server, path) is None for path in command.probe.paths):
        return False
    try:
        models = json.loads(_get(server, "/v1/models") or b"")
        return any(model["id"] == command.model_id for model in models["data"])
    except (ValueError, LookupError, TypeError):
        return False


def describe_end(server: Server, command: ServerCommand, log: Path) -> str:
    """How a server ended, with its log's telling lines."""
    code = server.poll()
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        killed = "; the system may have run out of memory" if name == "SIGKILL" else ""
        how = f"ended by {name}{killed}"
    else:
        how = f"exit code {code}"
    return f"{how}\n{describe_log(server, command, log)}"


def describe_log(server: Server, command: ServerCommand, log: Path) -> str:
    """Command line, telling lines, advice, and where the log is."""
    lines, advice = telling_lines(log, command.hints)
    parts = [f"command: {shlex.join(server.argv)}", *(f"  | {line}" for line in lines)]
    if advice:
        parts.append(f"advice: {advice}")
    return "\n".join([*parts, f"log: {log}"])


def _progress(tail: LogTail, command: ServerCommand) -> str:
    """The last new line of the log that is worth showing."""
    found = [line for line in tail.new_lines() if any(text in line for text in command.progress)]
    return found[-1][:160] if found else ""


def _get(server: Server, path: str) -> bytes | None:
    """The body of a 200; None for anything else. No proxies: it is our own server."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(1_000_000)
        return body if response.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _version(server: Server) -> str:
    body = _get(server, "/version")
    try:
        value = json.loads(body) if body else None
    except ValueError:
        return ""
    return str(value.get("version", "")) if isinstance(value, dict) else ""
