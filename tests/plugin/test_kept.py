"""``--keep-deployment``: a server that outlives its session, and is found by the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pytest_nemo_eval.deployment.kept import KeptRecord
from tests.plugin.modes import MODES
from tests.plugin.suites import task, write_suite
from tests.processes import alive, wait_for, with_argument
from tests.servers import write_vllm

KEEP = ("--model-path=model", "--keep-deployment")


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PATH", f"{write_vllm(pytester.path / 'bin')}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TEST_SERVER_STARTS", str(pytester.path / "starts"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path / "cache"))
    (pytester.path / "model").mkdir()
    (pytester.path / "model" / "config.json").write_text("{}")
    write_suite(pytester, task(gate=0.9))
    yield pytester.path
    command("end", "--all")
    assert with_argument(str(pytester.path / "bin")) == []


def starts(folder: Path) -> list[int]:
    return [int(word) for word in (folder / "starts").read_text().split()]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "pytest_nemo_eval.deployment", *words], capture_output=True, text=True)


@MODES
def test_the_next_session_takes_it_over(pytester: pytest.Pytester, folder: Path, mode: tuple[str, ...]) -> None:
    first = pytester.runpytest_subprocess(*KEEP, *mode)
    assert first.ret == 0, first.stdout.str()
    first.stdout.fnmatch_lines(["*kept: http://127.0.0.1:*python -m pytest_nemo_eval.deployment end *"])
    (pid,) = starts(folder)
    assert alive(pid)
    second = pytester.runpytest_subprocess("--model-path=model", *mode)
    assert second.ret == 0
    second.stdout.fnmatch_lines(["*taken over from an earlier session: http://127.0.0.1:*"])
    assert starts(folder) == [pid]
    assert alive(pid)


def test_it_is_listed_and_ended(pytester: pytest.Pytester, folder: Path) -> None:
    assert command("list").stdout == "no deployment is kept\n"
    assert pytester.runpytest_subprocess(*KEEP).ret == 0
    (pid,) = starts(folder)
    (record,) = (folder / "cache" / "pytest-nemo-eval" / "kept").iterdir()
    assert record.stat().st_mode & 0o077 == 0
    listed = command("list").stdout
    assert listed.startswith(f"{record.stem}  model  http://127.0.0.1:")
    unknown = command("end", "nothing")
    assert (unknown.returncode, unknown.stdout) == (1, "no kept deployment has a key that begins with nothing\n")
    assert command("end").returncode == 2
    ended = command("end", record.stem[:4])
    assert ended.returncode == 0
    assert ended.stdout.startswith(f"ended: {record.stem}")
    assert not alive(pid)
    assert with_argument(str(folder / "bin")) == []
    assert not record.exists()


@pytest.mark.parametrize("change", ["weights", "arguments"])
def test_another_deployment_is_never_answered_by_it(pytester: pytest.Pytester, folder: Path, change: str) -> None:
    assert pytester.runpytest_subprocess(*KEEP).ret == 0
    more = ["--max-model-len=99"] if change == "arguments" else []
    if change == "weights":
        (folder / "model" / "config.json").write_text('{"trained": "further"}')
    assert pytester.runpytest_subprocess("--model-path=model", *more).ret == 0
    assert len(starts(folder)) == 2


@pytest.mark.parametrize("how", ["died", "another process has its pid", "damaged"])
def test_one_that_is_gone_is_started_anew(pytester: pytest.Pytester, folder: Path, how: str) -> None:
    assert pytester.runpytest_subprocess(*KEEP).ret == 0
    (path,) = (folder / "cache" / "pytest-nemo-eval" / "kept").iterdir()
    record = msgspec.json.decode(path.read_bytes(), type=KeptRecord)
    os.kill(record.guard, signal.SIGTERM)
    wait_for(lambda: record.server.poll() is not None)
    if how == "damaged":
        path.write_bytes(b"{")
    elif how != "died":
        path.write_bytes(msgspec.json.encode(msgspec.structs.replace(record, guard=os.getpid())))
    result = pytester.runpytest_subprocess("--model-path=model")
    assert result.ret == 0
    assert len(starts(folder)) == 2


def test_one_that_does_not_answer_is_not_taken(pytester: pytest.Pytester, folder: Path) -> None:
    assert pytester.runpytest_subprocess(*KEEP).ret == 0
    (pid,) = starts(folder)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert pytester.runpytest_subprocess(*KEEP).ret == 0
    finally:
        os.kill(pid, signal.SIGCONT)
    assert len(starts(folder)) == 2
    listed = command("list").stdout.splitlines()
    assert len(listed) == 2, "what is kept beside it must not hide it from whoever wants to end it"


def test_it_is_for_deployments(pytester: pytest.Pytester, folder: Path) -> None:
    result = pytester.runpytest_subprocess("--model-url=http://127.0.0.1:9/v1", "--keep-deployment")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    command("list")
