"""One lifecycle for every backend: a light real server stands in for what each of them starts."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from dataclasses import dataclass

import pytest

from pytest_nemo_eval import read_run
from pytest_nemo_eval.backends import BACKENDS
from tests.plugin.suites import runs, task, write_suite, write_sums
from tests.processes import Background, alive, wait_for, with_argument
from tests.servers import write_program

pytestmark = pytest.mark.once
COUNT = 500
SLOWLY = "      params: {parallelism: 2, max_retries: 1}\n"


@dataclass
class Serving:
    """What a test says to pytest, and what it sees of servers."""

    pytester: pytest.Pytester
    environment: pytest.MonkeyPatch
    backend: str

    @property
    def options(self) -> list[str]:
        python = self.pytester.path / "bin" / "python"
        return ["--model-path=model", f"--backend={self.backend}", "-o", f"eval_python={python}"]

    def run(self, *options: str) -> pytest.RunResult:
        return self.pytester.runpytest_subprocess(*self.options, *options)

    def start(self, background: Background, *options: str) -> subprocess.Popen[bytes]:
        """A session that takes half a minute, whose server has a child that will not go by itself."""
        write_suite(self.pytester, task(more=SLOWLY), task("again", more=SLOWLY))
        write_sums(self.pytester.path, COUNT)
        self.behave("--latency=0.1", "--grandchild")
        argv = [sys.executable, "-m", "pytest", *self.options, *options]
        return background(argv, cwd=self.pytester.path, stdout=subprocess.DEVNULL)

    def behave(self, *arguments: str) -> None:
        """How the servers are to be."""
        self.environment.setenv("TEST_SERVER_ARGUMENTS", " ".join(arguments))

    def started(self) -> list[int]:
        """The pids of all servers that were started."""
        record = self.pytester.path / "starts"
        return [int(word) for word in record.read_text().split()] if record.exists() else []

    def finished(self) -> int:
        """The samples that are on disk."""
        return sum(path.read_bytes().count(b"\n") for path in self.pytester.path.glob("eval-runs/*/*/results.jsonl"))

    def nothing_left(self) -> bool:
        return with_argument(str(self.pytester.path)) == [] and not any(map(alive, self.started()))


@pytest.fixture(params=BACKENDS)
def serving(request: pytest.FixtureRequest, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Serving:
    for name in ("python", "vllm"):
        write_program(pytester.path / "bin", name)
    monkeypatch.setenv("TEST_SERVER_STARTS", str(pytester.path / "starts"))
    (pytester.path / "model").mkdir()
    return Serving(pytester, monkeypatch, request.param)


def test_it_starts_answers_and_ends(serving: Serving) -> None:
    write_suite(serving.pytester, task(gate=0.9), task("again", gate=0.9))
    result = serving.run()
    result.assert_outcomes(passed=2)
    assert len(serving.started()) == 1
    assert serving.nothing_left()
    assert {read_run(folder).record.model.backend for folder in runs(serving.pytester)} == {serving.backend}


def test_one_that_does_not_start(serving: Serving) -> None:
    write_suite(serving.pytester, task())
    serving.behave("--fail=boom")
    result = serving.run()
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*the server ended before it was ready: exit code 3", "*RuntimeError: boom*"])
    assert serving.nothing_left()


def test_one_that_takes_too_long(serving: Serving) -> None:
    write_suite(serving.pytester, task())
    serving.behave("--slow=600")
    result = serving.run("--deploy-timeout=1.5")
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*was not ready *--deploy-timeout*"])
    assert serving.nothing_left()


def test_one_that_dies_in_the_middle(serving: Serving) -> None:
    write_suite(serving.pytester, task(more=SLOWLY))
    write_sums(serving.pytester.path, COUNT)
    serving.behave("--die-at=50")
    result = serving.run()
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*the server died: exit code 9*"])
    assert serving.nothing_left()


def test_a_port_that_is_taken(serving: Serving) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        write_suite(serving.pytester, task(), head=f"deployment: {{type: {serving.backend}, port: {port}}}\n")
        result = serving.run()
    assert result.ret == 7
    result.stdout.fnmatch_lines([f"*port {port} cannot be used: Address already in use; *"])
    assert serving.nothing_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_pytest_ends_early(serving: Serving, background: Background, number: signal.Signals) -> None:
    process = serving.start(background)
    wait_for(lambda: serving.finished() > 3, 60)
    process.send_signal(number)
    code = process.wait(60)
    assert code == (-signal.SIGKILL if number is signal.SIGKILL else pytest.ExitCode.INTERRUPTED)
    wait_for(serving.nothing_left, 15)


def test_two_sessions_at_once(serving: Serving, background: Background) -> None:
    first = serving.start(background)
    wait_for(lambda: serving.finished() > 3, 60)
    serving.behave()
    result = serving.run("--eval-limit=10")
    assert result.ret == 0
    server, other = serving.started()
    assert alive(server)
    assert not alive(other)
    first.terminate()
    first.wait(60)
    assert serving.nothing_left()


def test_a_worker_is_killed(serving: Serving) -> None:
    write_sums(serving.pytester.path)
    serving.pytester.makepyfile("""
        import os, signal, pytest

        @pytest.mark.parametrize("n", range(4))
        def test_it(run_benchmark, n):
            run_benchmark("sums", dataset="sums.jsonl", prompt="What is {question}?", scorer="includes")
            if n == 1:
                os.kill(os.getpid(), signal.SIGKILL)
    """)
    result = serving.run("-n", "2")
    assert result.ret == 7
    assert len(serving.started()) == 1
    assert serving.nothing_left()
