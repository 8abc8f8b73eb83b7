"""The supervisor with the lightest of the programs, the front, before a Triton that is none."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_nemo_eval.servers.supervise import FOLDER, PREFIX, remove_leftovers
from tests.processes import alive, wait_for

START = Path(__file__).parents[2] / "pytest_nemo_eval" / "servers" / "start.py"
Started = Callable[[], tuple["subprocess.Popen[bytes]", Path, int]]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ne", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def started(place: Path) -> Iterator[Started]:
    """Starts one; gives it, its folder and the pid of its child. The environment holds no package of ours."""
    running = []

    def start() -> tuple[subprocess.Popen[bytes], Path, int]:
        words = ["--host", "127.0.0.1", "--port", str(free_port()), "--served-model-name", "m"]
        triton = ["--triton-port", str(free_port()), "--triton-model-name", "name"]
        environment = {"PATH": os.environ["PATH"], "TMPDIR": str(place)}
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(START), "triton_front", *words, *triton], env=environment, cwd=place
        )
        running.append(process)
        wait_for(lambda: process.poll() is not None or answers(int(words[3])))
        (folder,) = place.glob(f"{PREFIX}{process.pid}-*")
        return process, folder, int((folder / "pid").read_text())

    yield start
    for process in running:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/nothing", timeout=5)
    except urllib.error.HTTPError as error:
        return bool(json.loads(error.read())["error"]["code"] == 404)
    except OSError:
        return False
    return False


def test_it_ends_when_it_is_told_to(started: Started) -> None:
    process, folder, child = started()
    assert folder.stat().st_mode & 0o777 == 0o700
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not folder.exists()
    assert not alive(child)


def test_a_signal_to_the_group_reaches_the_child_once(started: Started) -> None:
    process, folder, child = started()
    assert os.getpgid(child) == child != os.getpgid(process.pid)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not folder.exists()


def test_it_ends_as_its_child_did(started: Started) -> None:
    process, folder, child = started()
    os.kill(child, signal.SIGKILL)
    assert process.wait(20) == -signal.SIGKILL
    assert not folder.exists()


def test_a_killed_one_takes_its_child_along_and_the_next_takes_its_folder(
    started: Started, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, folder, child = started()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    remove_leftovers()
    assert folder.exists()
    process.kill()
    process.wait()
    wait_for(lambda: not alive(child))
    assert folder.exists()
    remove_leftovers()
    assert not folder.exists()


def test_a_user_s_mistake_is_one_line(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, START, "ray", "--model=m", "--served-model-name=m", "--host=127.0.0.1", "--port=1"],
        env={"PATH": os.environ["PATH"], FOLDER: str(place), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("fatal: Ray Serve cannot be imported")
    assert "Traceback" not in done.stdout + done.stderr
