"""What a deployment might leave behind: processes, ports, shared memory, temporary files."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import alive, wait_for

MARK = "NEMO_EVAL_TEST_MARK"
PLACES = ("/tmp/nemo-eval-server-*", "/tmp/folder*", "/tmp/ray", "/dev/shm/*")
HOME = (".ray", ".cache/pytriton", ".cache/ray")
END_SECONDS = 20.0


@contextmanager
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Fails if anything is there afterwards that was not before; gives the mark that all processes of it carry."""
    mark = secrets.token_hex(8)
    monkeypatch.setenv(MARK, mark)
    before = files()
    yield mark
    wait_for(lambda: marked(mark) == [], END_SECONDS)
    monkeypatch.delenv(MARK)
    assert files() - before == set()


def files() -> set[str]:
    """In the places where these servers put something."""
    found = [path for pattern in PLACES for path in Path("/").glob(pattern[1:])]
    return {str(path) for path in [*found, *(Path.home() / name for name in HOME)] if path.exists()}


def marked(mark: str) -> list[int]:
    """The processes that were started with the mark in their environment, and what they started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and alive(int(entry.name)):
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if f"{MARK}={mark}".encode() in environment:
                found.append(int(entry.name))
    return found


def named(mark: str, name: str) -> list[int]:
    """Those of them whose command line holds a text."""
    found = []
    for pid in marked(mark):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if name.encode() in line:
            found.append(pid)
    return sorted(found)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
