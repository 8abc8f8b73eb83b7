"""A real Ray Serve on the CPU: its answers, a replica that is killed, starts that fail, and nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
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
CLUSTER = Path(__file__).parent / "servers" / "cluster.py"


def test_its_answers(servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a deep temporary folder too, where Ray's sockets have no place; with a key that no log may hold."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with nothing_left(monkeypatch):
        with serving(servers, "ray", tmp_path, {"num_replicas": 2}) as server:
            asking.check(server)
        assert not listens(server.port)
    assert [path.name for path in tmp_path.iterdir()] == ["server.log"]
    assert "sk-of-a-test" not in (tmp_path / "server.log").read_text()


def test_a_replica_is_killed_in_mid_run(
    pytester: pytest.Pytester, background: Background, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickstart(pytester.path)
    with nothing_left(monkeypatch) as mark:
        words = evaluation(servers, "ray", "--server-arg=num_replicas=2", f"--eval-limit={LIMIT}")
        with (pytester.path / "out.txt").open("wb") as output:
            process = background(words, cwd=pytester.path, stdout=output)
        wait_for(lambda: process.poll() is not None or finished(pytester.path) >= 3, START_SECONDS)
        replicas = named(mark, "ray::ServeReplica")
        assert len(replicas) == 2
        os.kill(replicas[0], signal.SIGKILL)
        assert process.wait(START_SECONDS) == 0
    assert [answered(folder) for folder in runs(pytester)] == [LIMIT] * 3


def test_pytest_is_killed(
    pytester: pytest.Pytester, background: Background, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickstart(pytester.path)
    with nothing_left(monkeypatch) as mark:
        process = background(evaluation(servers, "ray", "--eval-limit=20"), cwd=pytester.path)
        wait_for(lambda: finished(pytester.path) >= 1, START_SECONDS)
        assert len(marked(mark)) > 3
        process.kill()
        process.wait()


@pytest.mark.parametrize("application", [["users"], []], ids=["serve", "bare"])
def test_it_joins_a_running_cluster_and_leaves_it_as_it_was(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, application: list[str]
) -> None:
    with nothing_left(monkeypatch), tempfile.TemporaryDirectory(prefix="ne", dir="/tmp") as folder:
        monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
        monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        with subprocess.Popen(
            [servers.python, CLUSTER, folder, *application], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as cluster:
            try:
                monkeypatch.setenv("RAY_ADDRESS", said(cluster, "address"))
                with serving(servers, "ray", tmp_path, {"num_replicas": 2}) as server:
                    assert "Paris" in str(asking.Asked(server).chat("What is the capital of France?"))
                    running = ask(cluster)
                assert any("nemo-eval-" in name for name in running)
                assert ask(cluster) == ([*application, "hello"] if application else [])
                monkeypatch.delenv("RAY_ADDRESS")
            finally:
                cluster.communicate(timeout=60)


def ask(cluster: subprocess.Popen[str]) -> list[str]:
    assert cluster.stdin is not None
    cluster.stdin.write("\n")
    cluster.stdin.flush()
    return said(cluster, "running").split()


def said(cluster: subprocess.Popen[str], word: str) -> str:
    """What follows a word at the beginning of a line."""
    assert cluster.stdout is not None
    for line in cluster.stdout:
        if line.split()[:1] == [word]:
            return line[len(word) :].strip()
    raise AssertionError("the cluster ended")


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (["--model-path=no-such/model"], "*check --model-path*"),
        (["--server-arg=num_replicas=1000"], "*1000 replicas of 1 CPU do not fit: this machine has *"),
        (["--eval-set", "deployment.tensor_parallelism=2"], "*has no tensor or pipeline parallelism*"),
    ],
    ids=["model", "resources", "parallelism"],
)
def test_a_start_that_fails_says_why(
    pytester: pytest.Pytester,
    servers: Servers,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    advice: str,
) -> None:
    write_suite(pytester, task())
    with nothing_left(monkeypatch):
        result = pytester.runpytest_subprocess(*servers.options("ray"), *options)
        assert result.ret == 7
        result.stdout.fnmatch_lines(["*the server ended before it was ready: exit code 1*", advice])
