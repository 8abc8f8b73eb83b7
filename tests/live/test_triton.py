"""A real Triton on the CPU: its answers, its death, starts that fail, and nothing left."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.live.conftest import Servers
from tests.live.servers import asking
from tests.live.servers.leftovers import listens, marked, named, nothing_left
from tests.live.servers.running import START_SECONDS, answered, evaluation, finished, quickstart, serving
from tests.plugin.suites import runs, task, write_suite
from tests.processes import Background, wait_for

pytestmark = pytest.mark.live
LIMIT = 12


def test_its_answers(servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a deep temporary folder too, where Ray's sockets have no place; with a key that no log may hold."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with nothing_left(monkeypatch):
        with serving(servers, "triton", tmp_path, {"max_batch_size": 4, "triton_model_name": "smol-2"}) as server:
            asking.check(server)
        assert not listens(server.port)
    assert [path.name for path in tmp_path.iterdir()] == ["server.log"]
    assert "sk-of-a-test" not in (tmp_path / "server.log").read_text()


def test_triton_is_killed_in_mid_run_and_started_again(
    pytester: pytest.Pytester, background: Background, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickstart(pytester.path)
    with nothing_left(monkeypatch) as mark:
        words = evaluation(servers, "triton", "--deploy-restarts=1", f"--eval-limit={LIMIT}")
        with (pytester.path / "out.txt").open("wb") as output:
            process = background(words, cwd=pytester.path, stdout=output)
        wait_for(lambda: process.poll() is not None or finished(pytester.path) >= 3, START_SECONDS)
        (triton,) = named(mark, "bin/tritonserver")
        os.kill(triton, signal.SIGKILL)
        assert process.wait(START_SECONDS) == 0
    assert "tritonserver ended" in (pytester.path / "out.txt").read_text()
    assert [answered(folder) for folder in runs(pytester)] == [LIMIT] * 3


def test_pytest_is_killed(
    pytester: pytest.Pytester, background: Background, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickstart(pytester.path)
    with nothing_left(monkeypatch) as mark:
        process = background(evaluation(servers, "triton", "--eval-limit=20"), cwd=pytester.path)
        wait_for(lambda: finished(pytester.path) >= 1, START_SECONDS)
        assert len(marked(mark)) > 3
        process.kill()
        process.wait()


def test_a_model_that_is_none(pytester: pytest.Pytester, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    write_suite(pytester, task())
    with nothing_left(monkeypatch):
        result = pytester.runpytest_subprocess(*servers.options("triton"), "--model-path=no-such/model")
        assert result.ret == 7
        result.stdout.fnmatch_lines(["*the server ended before it was ready: exit code 1*", "*check --model-path*"])


def test_its_port_is_taken(pytester: pytest.Pytester, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    write_suite(pytester, task())
    with nothing_left(monkeypatch), socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = pytester.runpytest_subprocess(*servers.options("triton"), f"--server-arg=triton_port={port}")
        assert result.ret == 7
        result.stdout.fnmatch_lines([f"*port {port} (triton_port) cannot be used: Address already in use*"])
