from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.forks import run_session, start_server
from tests.processes import Background

pytest_plugins = ["pytester"]


def pytest_configure() -> None:
    """What a shell starts in the background ignores SIGINT, and so would every session that a test interrupts."""
    start_server()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_keys_or_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see none of the developer's keys, proxies or pytest options."""
    for name in list(os.environ):
        if name.endswith("_API_KEY") or name.lower().endswith("_proxy") or name.startswith(("PYTEST_", "VLLM_")):
            monkeypatch.delenv(name)


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Its sessions are forks: see ``tests/forks.py``."""
    start_from_nothing = pytester.run

    def run(*words: str | os.PathLike[str], timeout: float | None = None) -> pytest.RunResult:
        if words[:2] != (sys.executable, "-mpytest"):
            return start_from_nothing(*words, timeout=timeout)
        return run_session(pytester.path, [os.fspath(word) for word in words[2:]], timeout)

    monkeypatch.setattr(pytester, "run", run)
    return pytester


@pytest.fixture
def background() -> Iterator[Background]:
    """Starts programs that the test does not wait for; what still runs at its end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(argv: list[str], cwd: Path | None = None, stdout: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(argv, cwd=cwd, stdout=stdout))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
