"""The command line, and the end of the process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pytest_nemo_eval.proxy.command import main
from tests.processes import alive, wait_for
from tests.proxy.running import Asked, completion, proxy, upstream

URL = "http://127.0.0.1:9/v1"


def refused(capfd: pytest.CaptureFixture[str], *options: str) -> str:
    """What is said of options that cannot be."""
    try:
        code: object = main(list(options), os.getppid())
    except SystemExit as ending:  # argparse's
        code = ending.code
    out, error = capfd.readouterr()
    assert (code, out) == (2, "")
    assert "Traceback" not in error
    return error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("interceptors: [reasonin]", "chain.yaml:1: no interceptor is called 'reasonin'; did you mean reasoning?"),
        ("interceptors:\n- reasoning\n- name: caching\n", "chain.yaml:3: the interceptor caching: "),
        (
            "interceptors:\n- {name: reasoning, config: {end_token: x}}",
            "chain.yaml:2: the interceptor reasoning has no key",
        ),
        ("interceptors:\n- {config: {}}", "chain.yaml:2: interceptors[0] lacks the key name"),
        ("interceptors: {}", "chain.yaml:1: interceptors should be a list"),
        ("interceptor: []", "unknown key interceptor; did you mean interceptors?"),
        ("interceptors: [reasoning]\nuse_caching: true\ncaching_dir: x", "write one of both"),
        ("use_system_prompt: true", "chain.yaml: adapter_config.use_system_prompt needs custom_system_prompt"),
        ("[reasoning]", "should hold interceptors, a list, or the flags"),
        ("a: [", "chain.yaml:1: is not YAML"),
        ("interceptors: [{name: caching, config: {cache_dir: x}}, streaming]", "put streaming before caching"),
        ("interceptors: [reasoning, reasoning_replay]", "put reasoning_replay before reasoning"),
        ("interceptors:\n- {name: system_message, config: {system_message: '${NO_SUCH}'}}", "NO_SUCH is not set"),
        ("interceptors: ['no_such:thing']", "cannot be imported"),
    ],
)
def test_chains_that_cannot_be(text: str, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "chain.yaml").write_text(text)
    assert words in refused(capfd, "--upstream", URL, "--chain", str(tmp_path / "chain.yaml"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--upstream"),
        (["--upstream", "HOST"], "'HOST' is not a model URL"),
        (["--upstream", "http://me:secret@h/v1"], "holds credentials"),
        (["--upstream", URL, "--chain", "missing.yaml"], "missing.yaml: cannot be read"),
        (["--upstream", URL, "--api-key-env", "NO_SUCH_KEY"], "variable NO_SUCH_KEY, which should hold"),
        (["--upstream", URL, "--api-key-env", "sk-0123456789"], "is no such name"),
        (["--upstream", URL, "--port", "70000"], "'70000' is no number from 0 on to 65535"),
        (["--upstream", URL, "--timeout", "0"], "'0' is no number of seconds above 0"),
        (["--upstream", URL, "--timeout", "soon"], "'soon' is no number of seconds"),
        (["--upstream", URL, "--max-retries", "-1"], "--max-retries"),
        (["--upstream", URL, "--max-concurrent", "0"], "'0' is no number from 1 on"),
        (["--upstream", URL, "--what"], "--what"),
    ],
)
def test_options_that_cannot_be(options: list[str], words: str, capfd: pytest.CaptureFixture[str]) -> None:
    error = refused(capfd, *options)
    assert words in error
    assert "secret" not in error
    assert "sk-0123456789" not in error


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        argv = [sys.executable, "-m", "pytest_nemo_eval.proxy", "--upstream", URL, "--port", str(port)]
        found = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stdout) == (2, "")
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in found.stderr


def test_the_port_that_is_asked_for_on_loopback_alone(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with proxy(URL, tmp_path, "", "--port", str(port)) as running:
        assert running.url == f"http://127.0.0.1:{port}/v1"
        assert running.send("GET", "/health")[0] == 200
        with socket.socket() as other:
            assert other.connect_ex(("127.0.0.2", port)) != 0


CLOSING = """
import pathlib
class Holding:
    name = "holding"
    def __init__(self, path):
        self.path, self.count = pathlib.Path(path), 0
    async def __call__(self, request, call_next):
        self.count += 1
        return await call_next(request)
    def close(self):
        self.path.write_text(f"closed after {self.count}")
    def report(self):
        return {"count": self.count}
class Failing(Holding):
    name = "failing"
    def close(self):
        raise RuntimeError("kaputt")
"""
HOLDING = "interceptors: [{name: 'mine:Failing', config: {path: x}}, {name: 'mine:Holding', config: {path: held}}, "
HOLDING += "{name: 'mine:Holding', config: {path: held2}}]"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_at_once_with_all_that_it_holds_written(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CLOSING)
    asked_for = threading.Event()

    def hang(asked: Asked) -> None:
        asked_for.set()
        asked.wait_for_the_end()

    with upstream(hang) as server, proxy(server.url, tmp_path, HOLDING, "--report", "report.json") as running:
        waiting = running.connect()
        waiting.request("POST", "/v1/chat/completions", b'{"messages": []}', {"content-type": "application/json"})
        assert asked_for.wait(20)
        running.process.send_signal(number)
        out, error = running.process.communicate(timeout=20)
        waiting.close()
    assert (running.process.returncode, out) == (0, "")
    assert (tmp_path / "held").read_text() == (tmp_path / "held2").read_text() == "closed after 1"
    assert json.loads((tmp_path / "report.json").read_text()) == {"holding": {"count": 1}, "holding (2)": {"count": 1}}
    assert 'holding: {"count": 1}' in error
    assert "the interceptor failing could not be closed" in error


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    with proxy(URL, tmp_path, "", "--report", "no/such/report.json") as running:
        code, _, error = running.end()
    assert code == 1
    assert "no/such/report.json cannot be written: No such file" in error


PARENT = """
import subprocess, sys, time
argv = [sys.executable, "-m", "pytest_nemo_eval.proxy", "--upstream", "http://127.0.0.1:9/v1"]
argv += ["--report", "report.json", "--chain", "chain.yaml"]
child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
print(child.pid, child.stdout.readline(), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "chain.yaml").write_text("interceptors: [response_stats]")
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline().split()[0])
        assert alive(pid)
        parent.send_signal(number)
    finally:
        parent.kill() if number == signal.SIGKILL else None
        parent.communicate(timeout=20)
    wait_for(lambda: not alive(pid))
    assert "response_stats" in json.loads((tmp_path / "report.json").read_text())


BLOCKED = """
import pathlib, time
async def block(request, call_next):
    pathlib.Path("blocked").touch()
    time.sleep(600)
"""


def test_an_interceptor_that_blocks_keeps_nothing_alive(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(BLOCKED)
    (tmp_path / "chain.yaml").write_text("interceptors: ['mine:block']")
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        first, url = parent.stdout.readline().split()
        port = int(url.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            body = b'{"messages": []}'
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            wait_for((tmp_path / "blocked").exists)
            parent.kill()
            wait_for(lambda: not alive(int(first)))
    finally:
        parent.kill()
        parent.communicate(timeout=20)


def test_flags_of_nemo_and_variables_of_the_environment(tmp_path: Path) -> None:
    chain = "use_system_prompt: true\ncustom_system_prompt: 'Be ${HOW}.'\nprocess_reasoning_traces: true\n"
    chain += "params_to_remove: [seed]\n"
    with (
        upstream(lambda asked: asked.answer(completion("<think>x</think>4"))) as server,
        proxy(server.url, tmp_path, chain, HOW="brief") as running,
    ):
        _, _, content = running.chat(seed=1)
        assert json.loads(content)["choices"][0]["message"]["content"] == "4"
        assert server.bodies[0]["messages"][0] == {"role": "system", "content": "Be brief."}
        assert "seed" not in server.bodies[0]


def test_what_is_not_enabled_is_left_out_and_places_stay_right(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = "interceptors:\n- {name: nothing, enabled: false}\n- reasoning\n- {name: drop_params}\n"
    (tmp_path / "chain.yaml").write_text(text)
    assert "chain.yaml:4: the interceptor drop_params" in refused(
        capfd, "--upstream", URL, "--chain", str(tmp_path / "chain.yaml")
    )
