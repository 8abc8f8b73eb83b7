"""Several deployments in one session: each is up once, and no longer than it is needed."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.plugin.modes import EVERY_MODE
from tests.plugin.suites import task, write_suite
from tests.processes import Background, wait_for, with_argument
from tests.servers import write_vllm

TASKS = tuple(task(name, gate=0.9) for name in ("first", "second", "third"))


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{write_vllm(pytester.path / 'bin')}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TEST_SERVER_STARTS", str(pytester.path / "starts"))
    for name in ("red", "blue"):
        (pytester.path / name).mkdir()
    return pytester.path


def deployment(model: str, more: str = "") -> str:
    return f"deployment: {{type: vllm, model_path: {model}{more}}}\n"


def starts(folder: Path) -> int:
    return len((folder / "starts").read_text().split())


@EVERY_MODE
@pytest.mark.parametrize("how", ["port", "exclusive"])
def test_two_that_cannot_be_up_together(
    pytester: pytest.Pytester, folder: Path, how: str, mode: tuple[str, ...]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    more = f", port: {port}" if how == "port" else ", exclusive: true"
    for model in ("red", "blue"):
        write_suite(pytester, *TASKS, name=f"eval_{model}.yaml", head=deployment(model, more))
    result = pytester.runpytest_subprocess("-v", *mode)
    result.assert_outcomes(passed=6)
    assert result.ret == 0
    assert starts(folder) == 2
    assert with_argument(str(folder / "bin")) == []


def test_each_is_up_once_whatever_the_order(pytester: pytest.Pytester, folder: Path) -> None:
    """Files alternate, and a test in Python uses a deployment of the command line's."""
    for number, model in enumerate(["red", "blue", "red", "blue"]):
        write_suite(pytester, task(f"t{number}"), name=f"eval_{number}.yaml", head=deployment(model))
    pytester.makepyfile("def test_other(): pass")
    result = pytester.runpytest_subprocess("-v")
    result.assert_outcomes(passed=5)
    names = re.findall(r"^\S+::(\w+) (?:MEASURED|PASSED)", result.stdout.str(), re.MULTILINE)
    assert names == ["t0", "t2", "t1", "t3", "test_other"]
    assert starts(folder) == 2
    text = result.stdout.str()
    assert text.index("no item needs it any more") < text.index("ready after", text.index("eval_2.yaml::t2"))


def test_one_deployment_keeps_the_order_of_files(pytester: pytest.Pytester, folder: Path) -> None:
    for number in range(3):
        write_suite(pytester, task(f"t{number}"), name=f"eval_{number}.yaml", head=deployment("red"))
    pytester.makepyfile(aaa_test="def test_other(): pass")
    result = pytester.runpytest_subprocess("-v")
    result.assert_outcomes(passed=4)
    assert starts(folder) == 1


def test_those_that_can_be_up_together_start_together(
    pytester: pytest.Pytester, folder: Path, background: Background
) -> None:
    """Two workers need one each: both are started before either is ready."""
    for model in ("red", "blue"):
        head = deployment(model, ", server_args: {slow: 600}")
        write_suite(pytester, TASKS[0], name=f"eval_{model}.yaml", head=head)
    process = background([sys.executable, "-m", "pytest", "-n", "2"], cwd=pytester.path)
    wait_for(lambda: (folder / "starts").exists() and starts(folder) == 2, 60)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == pytest.ExitCode.INTERRUPTED
    assert with_argument(str(folder / "bin")) == []
