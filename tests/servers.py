"""A model server for tests: a real HTTP server in a process of its own, light, and as ill-behaved as a test wants.

Run as ``python servers.py [serve MODEL] --port N [--fail TEXT] [--slow SECONDS] [--ignore-term] [--grandchild] [...]``;
``write_vllm`` puts it on a PATH as ``vllm``. ``--die-at N`` ends it at its Nth question in its first ``--lives``
lives. ``TEST_SERVER_ARGUMENTS`` holds further arguments, for backends that take no flags but their own;
``TEST_SERVER_STARTS`` and ``TEST_SERVER_ASKED`` name files for the pids of all lives and for the questions.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SLEEPER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model = "m"
    latency = 0.0
    die_at = 0
    asked = itertools.count(1)

    def do_GET(self) -> None:
        if self.path == "/version":
            self.reply({"version": "1.2.3"})
        elif self.path == "/v1/models":
            self.reply({"data": [{"id": self.model}]})
        else:
            self.reply({})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        time.sleep(self.latency)
        question = body["messages"][-1]["content"]
        if record := os.environ.get("TEST_SERVER_ASKED"):
            with open(record, "a") as file:
                file.write(f"{question}\n")
        if next(self.asked) == self.die_at:
            print("CUDA error: device-side assert triggered", flush=True)
            os._exit(9)
        left, _, right = question.split()[-1].rstrip("?").partition("+")
        answer = f"It is {int(left) + int(right)}" if right else "fine"
        message = {"role": "assistant", "content": answer}
        self.reply({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": {}})

    def reply(self, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return


def option(name: str, default: str = "") -> str:
    words = [word for argument in sys.argv for word in argument.split("=", 1)]
    return words[words.index(name) + 1] if name in words else default


def count_of_starts() -> int:
    record = os.environ.get("TEST_SERVER_STARTS")
    return len(Path(record).read_text().split()) if record else 1


def main() -> None:
    sys.argv += os.environ.get("TEST_SERVER_ARGUMENTS", "").split()
    if record := os.environ.get("TEST_SERVER_STARTS"):
        with open(record, "a") as file:
            file.write(f"{os.getpid()}\n")
    if "--ignore-term" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "--grandchild" in sys.argv:
        child = subprocess.Popen([sys.executable, "-c", SLEEPER], start_new_session=True)
        print(f"grandchild {child.pid}", flush=True)
    print("x" * int(option("--noise", "0")))
    time.sleep(float(option("--slow", "0")))
    if option("--fail"):
        print(f"a line before\nRuntimeError: {option('--fail')}\nsome more words", flush=True)
        sys.exit(3)
    Handler.latency = float(option("--latency", "0"))
    Handler.model = option("--served-model-name", "m")
    Handler.die_at = int(option("--die-at", "0")) if count_of_starts() <= int(option("--lives", "1")) else 0
    ThreadingHTTPServer.request_queue_size = 1024  # else many clients at once wait for the system to try again
    server = ThreadingHTTPServer(("127.0.0.1", int(option("--port"))), Handler)
    if option("--die-after"):
        threading.Timer(float(option("--die-after")), lambda: os._exit(9)).start()
    server.serve_forever()


def write_vllm(folder: Path) -> Path:
    """An executable ``vllm`` that is this server; returns the folder, for PATH."""
    return write_program(folder, "vllm")


def write_program(folder: Path, name: str) -> Path:
    """The same by another name, such as ``python``: whatever that is to run, it runs this server."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


if __name__ == "__main__":
    main()
