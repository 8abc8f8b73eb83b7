"""Runs one server, and leaves nothing of it behind when its owner goes away.

A program of its own, with the standard library alone: ``python -I -S guard.py GRACE LOG COMMAND...``. Its standard
input is a pipe from the owner: the end of it, however it comes (``kill -9`` of the owner too), means: end the server
and everything that it started. On its standard output it says ``{"pid": N}`` once the server runs, and
``{"exit": CODE}`` (negative: a signal) once it has ended by itself; the guard's own end says that nothing is left.

The word ``keep`` on its standard input means that the owner goes and the server stays: from then on SIGTERM ends both.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
POLL_SECONDS = 0.1
LEFTOVER_SECONDS = 1.0
"""How long the children of a server may take to follow it."""
KILL_SECONDS = 5.0
"""How long the kernel may take to end what was sent SIGKILL."""


def main(arguments: list[str]) -> int:
    """Run the command until it ends or its owner is gone."""
    grace, log, command = float(arguments[0]), arguments[1], arguments[2:]
    owner = os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        server = _start(command, log)
    except OSError as error:
        _say({"error": f"{command[0]}: {error.strerror}"})
        return 1
    _say({"pid": server.pid})
    _wait(server, owner)
    if server.returncode is not None:
        _say({"exit": server.returncode})
    end_tree(server, grace)
    return 0


def _start(command: list[str], log: str) -> subprocess.Popen[bytes]:
    def in_the_child() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    with open(log, "ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=in_the_child,  # this process has one thread
        )


def _wait(server: subprocess.Popen[bytes], owner: int) -> None:
    """Until the server has ended, or the owner is gone or wants the end."""
    while server.poll() is None:
        ready, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        if ready:
            word = os.read(sys.stdin.fileno(), 1024)
            if word.startswith(b"keep"):
                _keep(server)
            if not word or word.startswith(b"keep"):
                return
        if os.getppid() != owner:
            return


def _keep(server: subprocess.Popen[bytes]) -> None:
    """Until the server has ended, or somebody sends SIGTERM."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    _say({"kept": os.getpid()})
    while server.poll() is None and not told:
        time.sleep(POLL_SECONDS)


def end_tree(server: subprocess.Popen[bytes], grace: float) -> None:
    """End the server's process group, then every descendant, whatever group it moved to."""
    _signal_group(server.pid, signal.SIGTERM)
    _wait_while(lambda: server.poll() is None, grace)
    _wait_while(lambda: _orphans(server.pid), LEFTOVER_SECONDS)
    deadline = time.monotonic() + KILL_SECONDS
    while time.monotonic() < deadline:
        _signal_group(server.pid, signal.SIGKILL)
        left = list(descendants(os.getpid()))
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        server.poll()
        _reap(server.pid)
        if not left and server.returncode is not None:
            return
        time.sleep(POLL_SECONDS / 2)


def _wait_while(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while condition() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS / 2)


def _orphans(server: int) -> bool:
    """Whether anything but the server itself is left, once the dead are collected."""
    _reap(server)
    return any(pid != server for pid in descendants(os.getpid()))


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _reap(server: int) -> None:
    """Collect what was orphaned to this process; the server itself is Popen's."""
    for pid in list(descendants(os.getpid())):
        if pid != server:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def descendants(root: int) -> Iterator[int]:
    """Every living descendant of a process, out of /proc; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    try:
        entries = os.listdir("/proc")
    except OSError:
        return
    for entry in entries:
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{entry}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
                if fields[0] != b"X":
                    children.setdefault(int(fields[1]), []).append(int(entry))
    pending = children.get(root, [])
    while pending:
        pid = pending.pop()
        yield pid
        pending += children.get(pid, [])


def _prctl(option: int, value: int) -> None:
    """Linux has it; elsewhere the process group alone is ended."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _say(what: dict[str, object]) -> None:
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
