"""Servers on this machine, each under a guard."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import DeploymentError
from ..server import ServerCommand
from . import guard

HOST = "127.0.0.1"
KEEP_SECONDS = 5.0
GRACE_SECONDS = 8.0
"""A server that is told to end with a request in flight may never do so (vLLM): then it is killed."""


class LocalServer:
    """A server on this machine."""

    def __init__(self, argv: tuple[str, ...], port: int, process: subprocess.Popen[bytes], grace: float) -> None:
        self.host = HOST
        self.port = port
        self.argv = argv
        self._guard = process
        self._grace = grace
        self._exit: int | None = None
        self._kept = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        """What the guard says; the end of its words is the end of the guard."""
        assert self._guard.stdout is not None  # noqa: S101  it was started with a pipe
        with contextlib.suppress(ValueError, OSError), self._guard.stdout as words:
            for line in words:
                said = json.loads(line)
                self._exit = said.get("exit", self._exit)
                if "kept" in said:
                    self._kept.set()

    def poll(self) -> int | None:
        if self._exit is not None or self._listener.is_alive():
            return self._exit
        return self._guard.wait()

    def stop(self) -> None:
        if self._guard.stdin is not None:
            with contextlib.suppress(OSError):
                self._guard.stdin.close()
        try:
            self._guard.wait(timeout=self._grace + 2 * guard.KILL_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()
        self._listener.join(timeout=1)

    def keep(self) -> int | None:
        if self._guard.stdin is None or self.poll() is not None:
            return None
        try:
            self._guard.stdin.write(b"keep\n")
            self._guard.stdin.flush()
        except (OSError, ValueError):
            return None
        if not self._kept.wait(KEEP_SECONDS):
            return None
        self._guard.returncode = 0  # it is nobody's child to wait for from now on
        return self._guard.pid

    def _kill(self) -> None:
        """The guard itself hangs: end what can be reached."""
        for pid in (*guard.descendants(self._guard.pid), self._guard.pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        self._guard.wait()


class KeptServer:
    """A server that an earlier session left up; this one does not end it.

    Args:
        guard_pid: the process that ends it at SIGTERM.
        guard_start: when that process began, as the kernel counts: another process may get the same pid.
    """

    def __init__(self, host: str, port: int, argv: tuple[str, ...], guard_pid: int, guard_start: str) -> None:
        self.host = host
        self.port = port
        self.argv = argv
        self._pid = guard_pid
        self._start = guard_start

    def poll(self) -> int | None:
        return None if self._start and start_of(self._pid) == self._start else 1

    def stop(self) -> None:
        """Leave it: it is not this session's."""

    def keep(self) -> int | None:
        return self._pid if self.poll() is None else None

    def end(self, timeout: float = GRACE_SECONDS + 2 * guard.KILL_SECONDS) -> bool:
        """End it, with all that it started; whether it ended in time."""
        deadline = time.monotonic() + timeout
        while self.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
            time.sleep(0.05)
        return self.poll() is not None


def start_of(pid: int) -> str:
    """When a living process began, in the kernel's ticks; "" where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


@dataclass(frozen=True)
class LocalLauncher:
    """This machine; ``grace`` is how many seconds a server gets to end when it is told to."""

    grace: float = GRACE_SECONDS

    def start(self, command: ServerCommand, log: Path) -> LocalServer:
        port = _free_port() if command.port is None else _check_port(command.port)
        argv = command.at(HOST, port)
        executable = _find(argv[0])
        log.parent.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, str(self.grace), str(log), executable, *argv[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **command.environment},
            start_new_session=True,  # Ctrl-C in the terminal is pytest's to answer
        )
        return LocalServer(argv, port, process, self.grace)


def _find(program: str) -> str:
    found = shutil.which(os.path.expanduser(program))
    if found is None:
        raise DeploymentError(
            f"{program} is not there to be run: install it (vLLM on a GPU host: pip install 'pytest-nemo-eval[vllm]'), "
            "or name the interpreter of the environment that has it with --eval-set deployment.python=PATH"
        )
    return found


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
        return port


def _check_port(port: int) -> int:
    """A port that is taken is seen before a server spends a minute on its way to it."""
    with socket.socket() as wanted:
        wanted.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            wanted.bind((HOST, port))
        except OSError as error:
            raise DeploymentError(
                f"port {port} cannot be used: {error.strerror}; end what uses it, or leave deployment.port out "
                "to get a free one"
            ) from None
    return port
