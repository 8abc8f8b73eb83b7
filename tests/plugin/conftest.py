"""Replays of recorded outputs of real models."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import pytest

from tests.processes import Background, wait_for
from tests.shared_data import shared_stub

Replay = Callable[..., str]


@pytest.fixture
def replay(background: Background) -> Replay:
    """Starts a replay; returns its URL."""

    def start(*options: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        background([sys.executable, str(shared_stub()), "--port", str(port), *options])
        wait_for(lambda: listens(port))
        return f"http://127.0.0.1:{port}/v1"

    return start


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
