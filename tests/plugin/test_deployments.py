"""Deployments through pytest: a light real server stands in for ``vllm`` on PATH."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_nemo_eval import read_run
from tests.plugin.modes import EVERY_MODE, MODES
from tests.plugin.suites import runs, task, write_suite, write_sums
from tests.processes import Background, alive, wait_for, with_argument
from tests.servers import write_vllm


@pytest.fixture
def starts(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """The pids of all servers that were started."""
    monkeypatch.setenv("PATH", f"{write_vllm(pytester.path / 'bin')}{os.pathsep}{os.environ['PATH']}")
    record = pytester.path / "starts"
    monkeypatch.setenv("TEST_SERVER_STARTS", str(record))
    (pytester.path / "model").mkdir()
    return lambda: [int(word) for word in record.read_text().split()] if record.exists() else []


Starts = Callable[[], list[int]]


@EVERY_MODE
def test_one_deployment_for_everybody(pytester: pytest.Pytester, starts: Starts, mode: tuple[str, ...]) -> None:
    write_suite(pytester, task(gate=0.9), task("again", gate=0.9), task("third"))
    pytester.makepyfile(
        """
        def test_python(run_benchmark, eval_client):
            assert eval_client.ask("2+3").text == "It is 5"
            result = run_benchmark("sums", dataset="sums.jsonl", prompt="What is {question}?", scorer="includes")
            assert result.accuracy >= 0.9
        """
    )
    result = pytester.runpytest_subprocess("--model-path=model", "--server-arg", "latency=0.01", *mode)
    result.assert_outcomes(passed=4)
    assert result.ret == 0
    (pid,) = starts()
    assert not alive(pid)
    assert with_argument(str(pytester.path / "bin")) == []
    model = read_run(runs(pytester)[0]).record.model
    assert (model.backend, model.launcher, model.server_version, model.id) == ("vllm", "local", "1.2.3", "model")
    assert model.weights_fingerprint


@MODES
@pytest.mark.parametrize("arguments", [["--co"], ["-k", "other"], ["--setup-plan"]])
def test_none_where_none_is_needed(
    pytester: pytest.Pytester, starts: Starts, mode: tuple[str, ...], arguments: list[str]
) -> None:
    write_suite(pytester, task())
    pytester.makepyfile("def test_other():\n    pass\n")
    pytester.runpytest_subprocess("--model-path=model", *arguments, *mode)
    assert starts() == []
    assert not (pytester.path / "eval-runs").exists()


def test_missing_data_deploys_nothing(pytester: pytest.Pytester, starts: Starts) -> None:
    pytester.makepyfile("def test_it(run_benchmark):\n    run_benchmark('gsm8k', dataset='nosuch.jsonl')\n")
    result = pytester.runpytest_subprocess("--model-path=model")
    assert (result.ret, starts()) == (7, [])
    result.stdout.fnmatch_lines(["*DatasetError: there is no data set file *nosuch.jsonl*"])


@MODES
def test_a_server_that_does_not_start(pytester: pytest.Pytester, starts: Starts, mode: tuple[str, ...]) -> None:
    write_suite(pytester, task(), task("again"))
    result = pytester.runpytest_subprocess(
        "--model-path=model", "--server-arg", "fail=[Errno 98] Address already in use", *mode
    )
    assert result.ret == 7
    result.assert_outcomes(errors=2)
    assert len(starts()) == 1
    result.stdout.fnmatch_lines(
        [
            "*the server ended before it was ready: exit code 3",
            "*RuntimeError: *Address already in use*",
            "advice: *port*",
        ]
    )


@MODES
def test_a_server_that_dies_in_the_middle(pytester: pytest.Pytester, starts: Starts, mode: tuple[str, ...]) -> None:
    write_suite(pytester, task(more="      params: {parallelism: 1, max_retries: 1}\n"))
    write_sums(pytester.path, 500)
    result = pytester.runpytest_subprocess(
        "--model-path=model", "--server-arg", "latency=0.02", "--server-arg", "die-after=1.5", *mode
    )
    assert result.ret == 7
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the server died: exit code 9*"])
    assert 0 < len(read_run(runs(pytester)[0]).results) < 500


def test_a_model_that_is_not_there(pytester: pytest.Pytester, starts: Starts) -> None:
    write_suite(pytester, task())
    result = pytester.runpytest_subprocess("--model-path=./nosuch")
    assert (result.ret, starts()) == (7, [])
    result.stdout.fnmatch_lines(["*the model ./nosuch does not exist: check --model-path"])


def start_pytest(pytester: pytest.Pytester, background: Background, mode: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """A session that would take half a minute, in the background."""
    slowly = "      params: {parallelism: 2}\n"
    write_suite(pytester, task(more=slowly), task("again", more=slowly))
    write_sums(pytester.path, 500)
    arguments = ["--model-path=model", "--server-arg", "latency=0.1", "--server-arg", "grandchild", *mode]
    with (pytester.path / "out.txt").open("wb") as output:
        return background([sys.executable, "-m", "pytest", *arguments], cwd=pytester.path, stdout=output)


def finished_samples(pytester: pytest.Pytester) -> int:
    return sum(path.read_bytes().count(b"\n") for path in pytester.path.glob("eval-runs/*/*/results.jsonl"))


@pytest.mark.parametrize(("number", "mode"), [(signal.SIGINT, ()), (signal.SIGTERM, ()), (signal.SIGTERM, ("-n", "2"))])
def test_an_interrupt_ends_everything(
    pytester: pytest.Pytester, background: Background, starts: Starts, mode: tuple[str, ...], number: signal.Signals
) -> None:
    process = start_pytest(pytester, background, mode)
    wait_for(lambda: finished_samples(pytester) > 3, 60)
    process.send_signal(number)
    assert process.wait(60) == pytest.ExitCode.INTERRUPTED
    assert with_argument(str(pytester.path)) == []
    assert all(not alive(pid) for pid in starts())
    for folder in runs(pytester):
        assert read_run(folder).record.status != "finished"


@MODES
def test_an_interrupt_while_the_server_starts(
    pytester: pytest.Pytester, background: Background, starts: Starts, mode: tuple[str, ...]
) -> None:
    write_suite(pytester, task())
    process = background(
        [sys.executable, "-m", "pytest", "--model-path=model", "--server-arg", "slow=600", *mode], cwd=pytester.path
    )
    wait_for(lambda: starts() != [], 60)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == pytest.ExitCode.INTERRUPTED
    assert with_argument(str(pytester.path)) == []


@MODES
def test_kill_9_at_any_moment(
    pytester: pytest.Pytester, background: Background, starts: Starts, mode: tuple[str, ...]
) -> None:
    """Nothing is left of the server within 15 s, and every sample that was finished is on disk, whole."""
    process = start_pytest(pytester, background, mode)
    moment = random.randrange(0, 60)
    wait_for(lambda: starts() != [] and finished_samples(pytester) >= moment, 60)
    seen = finished_samples(pytester)
    process.kill()
    process.wait()
    wait_for(lambda: with_argument(str(pytester.path)) == [], 15)
    results = [result for folder in runs(pytester) for result in read_run(folder).results]
    scored = [result for result in results if result.score is not None]  # workers outlive their controller for a moment
    assert len(scored) >= seen
    assert all(result.score and result.score.value == 1 for result in scored)


def test_a_lost_worker_is_replaced_and_shares_the_server(pytester: pytest.Pytester, starts: Starts) -> None:
    write_sums(pytester.path)
    pytester.makepyfile(
        """
        import os, signal, pytest
        @pytest.mark.parametrize("n", range(4))
        def test_it(run_benchmark, n):
            run_benchmark("sums", dataset="sums.jsonl", prompt="What is {question}?", scorer="includes")
            if n == 1:
                os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    result = pytester.runpytest_subprocess("--model-path=model", "-n", "2")
    assert result.ret == 7
    (pid,) = starts()
    assert not alive(pid)


def test_the_page_s_local_file_runs_as_written(pytester: pytest.Pytester, starts: Starts) -> None:
    write_sums(pytester.path)
    page = Path(__file__).parents[2] / "example_suites" / "deployment_page" / "local_with_deployment.yaml"
    tasks = '[{name: sums, prompt: "What is {question}?", scorer: includes, dataset: {path: %s}}]'
    result = pytester.runpytest_subprocess(
        str(page),
        "-o",
        "deployment.model_path=model",
        "-o",
        "evaluation.tasks=" + tasks % (pytester.path / "sums.jsonl"),
        "-o",
        f"eval_output={pytester.path / 'eval-runs'}",
    )
    assert result.ret == 0, result.stdout.str()
    command = read_run(runs(pytester)[0]).record.model.server_command
    assert command[1:] == (
        *("serve", "model", "--host", "127.0.0.1", "--port", "8080", "--served-model-name", "deployed-model"),
        *("--gpu-memory-utilization", "0.9"),
    )
