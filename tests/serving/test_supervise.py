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
from contextlib import ExitStack
from pathlib import Path

import pytest

from pytest_nemo_eval.servers import ray, supervise, triton
from pytest_nemo_eval.servers.common import ServerError
from pytest_nemo_eval.servers.supervise import FOLDER, PREFIX, remove_leftovers
from tests.processes import alive, wait_for

START = Path(__file__).parents[2] / "pytest_nemo_eval" / "servers" / "start.py"
Started = Callable[..., tuple["subprocess.Popen[bytes]", Path, int]]
KEY = "sk-of-a-test"


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

    def start(*before: str, log: int | None = None, **variables: str) -> tuple[subprocess.Popen[bytes], Path, int]:
        words = ["--host", "127.0.0.1", "--port", str(free_port()), "--served-model-name", "m"]
        triton = ["--triton-port", str(free_port()), "--triton-model-name", "name"]
        environment = {"PATH": os.environ["PATH"], "TMPDIR": str(place), **variables}
        program = [sys.executable, "-I", "-S", str(START), "triton_front", *words, *triton]
        process = subprocess.Popen([*before, *program], env=environment, cwd=place, stdout=log, stderr=log)
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


def port_of(process: subprocess.Popen[bytes]) -> int:
    words = Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")
    return int(words[words.index("--port") + 1])


def test_it_has_files_for_more_connections_than_the_usual_limit(started: Started) -> None:
    process, _, _ = started("sh", "-c", 'ulimit -S -n 32 && exec "$@"', "sh")
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(("127.0.0.1", port_of(process)), timeout=10))
        assert answers(port_of(process))


def test_no_key_is_in_its_log(started: Started, place: Path) -> None:
    with (place / "log").open("wb") as log:
        process, _, child = started(log=log.fileno(), OPENAI_API_KEY=KEY, HF_TOKEN=KEY)
        keys = f"Authorization: Bearer {KEY}\r\nHost: h\r\n"
        for line in (f"GET /v1/models?key={KEY} HTTP/1.1", f"BREW /{KEY} HTTP/1.1", f"{KEY}", f"GET /{KEY} HTTP/9.9"):
            with socket.create_connection(("127.0.0.1", port_of(process)), timeout=10) as client:
                client.sendall(f"{line}\r\n{keys}Connection: close\r\n\r\n".encode())
                assert client.recv(65536)
        os.kill(child, signal.SIGKILL)
        process.wait(20)
    assert KEY not in (place / "log").read_text()


@pytest.mark.parametrize("program", ["ray", "triton"])
@pytest.mark.parametrize("depth", [4, 5, 6, 30, 31])
def test_the_folder_is_short_enough_for_sockets(monkeypatch: pytest.MonkeyPatch, program: str, depth: int) -> None:
    """Ray's longest is FOLDER/ray/session_DATE_TIME_MICROSECONDS_PID/sockets/plasma_store."""
    monkeypatch.setattr(tempfile, "tempdir", "/" + "x" * (depth - 1))
    found = supervise.base(program)
    assert found == (tempfile.tempdir if depth <= {"ray": 5, "triton": 30}[program] else "/tmp")
    if program == "ray":
        folder = f"{found}/{PREFIX}4194304-abcdefgh"
        assert len(f"{folder}/ray/session_2026-11-25_12-37-31_904622_4194304/sockets/plasma_store") <= 107


def test_a_long_path_is_better_than_none(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/" + "x" * 50)
    monkeypatch.setattr(supervise, "SHORT_FOLDER", str(place / "none"))
    assert supervise.base("ray") == tempfile.tempdir


def test_no_place_for_a_folder_is_said(
    monkeypatch: pytest.MonkeyPatch, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place / "none"))
    monkeypatch.setattr(supervise, "SHORT_FOLDER", str(place / "none"))
    monkeypatch.setattr(supervise, "_prctl", lambda *_: None)
    monkeypatch.delenv(FOLDER, raising=False)
    assert supervise.main(["ray"]) == 1
    assert "set TMPDIR" in capsys.readouterr().out


def test_without_shared_memory(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    words = ["--model=m", "--served-model-name=m", "--host=127.0.0.1", "--port=1"]
    none = place / "none"
    monkeypatch.setattr(supervise, "SHARED_MEMORY", none)
    with pytest.raises(ServerError, match=f"there is no {none} here: mount it"):
        triton.main(words)
    assert ray.object_store(none, place) == str(place)
    assert ray.object_store(place, place) is None
    own = place / f"{PREFIX}0-x"
    own.mkdir()
    (own / "pid").write_text("7")
    supervise._remove(own)
    assert not own.exists()
