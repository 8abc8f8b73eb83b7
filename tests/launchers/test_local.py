from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_nemo_eval.config.settings import ExecutionSettings
from pytest_nemo_eval.errors import ConfigError, DeploymentError
from pytest_nemo_eval.launchers import create_launcher
from pytest_nemo_eval.launchers.local import KeptServer, LocalLauncher, LocalServer, start_of
from pytest_nemo_eval.server import ServerCommand
from tests import servers
from tests.processes import Background, alive, wait_for, with_argument


def command(*arguments: str, port: int | None = None) -> ServerCommand:
    return ServerCommand(
        argv=(sys.executable, servers.__file__, "--port", "{port}", *arguments), port=port, model_id="m"
    )


@pytest.fixture
def started() -> Iterator[list[LocalServer]]:
    servers: list[LocalServer] = []
    yield servers
    for server in servers:
        server.stop()


def listens(server: LocalServer) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((server.host, server.port)) == 0


def start(started: list[LocalServer], tmp_path: Path, *arguments: str) -> LocalServer:
    server = LocalLauncher(grace=0.5).start(command(*arguments, str(tmp_path)), tmp_path / "log")
    started.append(server)
    return server


@pytest.mark.parametrize("arguments", [(), ("--ignore-term",), ("--grandchild",), ("--noise", "300000")])
def test_start_and_stop_leave_nothing(started: list[LocalServer], tmp_path: Path, arguments: tuple[str, ...]) -> None:
    server = start(started, tmp_path, *arguments)
    wait_for(lambda: listens(server))
    assert server.poll() is None
    server.stop()
    server.stop()
    assert server.poll() is not None
    assert with_argument(str(tmp_path)) == []
    if "--grandchild" in arguments:
        assert not alive(grandchild(tmp_path))


def grandchild(folder: Path) -> int:
    return int((folder / "log").read_text().split("grandchild ")[1].split()[0])


def test_a_server_that_fails_says_its_code(started: list[LocalServer], tmp_path: Path) -> None:
    server = start(started, tmp_path, "--grandchild", "--fail", "kaputt")
    wait_for(lambda: server.poll() is not None)
    assert server.poll() == 3
    assert "RuntimeError: kaputt" in (tmp_path / "log").read_text()
    wait_for(lambda: not alive(grandchild(tmp_path)))


def test_a_server_that_is_killed_says_the_signal(started: list[LocalServer], tmp_path: Path) -> None:
    server = start(started, tmp_path)
    wait_for(lambda: listens(server))
    (pid,) = [pid for pid in with_argument(str(tmp_path)) if "guard.py" not in cmdline(pid)]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: server.poll() is not None)
    assert server.poll() == -signal.SIGKILL


def cmdline(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


OWNER = """
    import sys, time
    from pathlib import Path
    from pytest_nemo_eval.launchers.local import LocalLauncher
    from pytest_nemo_eval.server import ServerCommand
    argv = (sys.executable, sys.argv[1], "--port", "{port}", "--grandchild", "--ignore-term", sys.argv[2])
    LocalLauncher(grace=0.5).start(ServerCommand(argv=argv, model_id="m"), Path(sys.argv[2]) / "log")
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_owner(tmp_path: Path, background: Background, number: signal.Signals) -> None:
    owner = background([sys.executable, "-c", textwrap.dedent(OWNER), servers.__file__, str(tmp_path)])
    wait_for(lambda: (tmp_path / "log").exists() and "grandchild " in (tmp_path / "log").read_text())
    child = grandchild(tmp_path)
    owner.send_signal(number)
    owner.wait()
    wait_for(lambda: with_argument(str(tmp_path)) == [] and not alive(child), seconds=15)


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DeploymentError, match=f"port {port} cannot be used"):
            LocalLauncher().start(command(port=port), tmp_path / "log")


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="no-such-program is not there to be run: install it"):
        LocalLauncher().start(ServerCommand(argv=("no-such-program",), model_id="m"), tmp_path / "log")


@pytest.mark.parametrize(
    ("name", "words"), [("slurm", "not available in this version"), ("locl", "did you mean local")]
)
def test_launchers_that_are_not_there(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        create_launcher(name, ExecutionSettings())


def test_one_that_is_kept_outlives_its_owner_and_ends_at_sigterm(tmp_path: Path, background: Background) -> None:
    code = f"""
        import sys, time
        from pathlib import Path
        from pytest_nemo_eval.launchers.local import LocalLauncher
        from tests.launchers.test_local import command
        server = LocalLauncher().start(command({str(tmp_path)!r}), Path({str(tmp_path / "log")!r}))
        print(server.keep(), flush=True)
    """
    owner = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=30
    )
    guard = int(owner.stdout)
    kept = KeptServer("127.0.0.1", 1, (), guard, start_of(guard))
    assert len(with_argument(str(tmp_path))) >= 2
    assert kept.poll() is None
    kept.stop()
    assert kept.poll() is None
    assert kept.end()
    assert with_argument(str(tmp_path)) == []


def test_a_pid_that_another_process_has_is_never_ended() -> None:
    other = KeptServer("127.0.0.1", 1, (), os.getpid(), "1")
    assert other.poll() is not None
    assert other.end()
    assert alive(os.getpid())
