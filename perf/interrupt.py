"""How long pytest takes to be gone after Ctrl-C and SIGTERM in the middle of a run: 2 s, 10 s with pytest-xdist.

``python perf/interrupt.py``: against a stub server on loopback (``--stub``) that makes some samples wait for minutes.
Exit code 1 where one takes longer, or where what was finished is not kept.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

STUB = Path(__file__).resolve().parents[2] / "shared" / "bench" / "openai_stub.py"
SUITE = """
evaluation:
  tasks:
    - {name: sums, prompt: "{question}", scorer: includes, dataset: {path: data.jsonl}}
"""
CASES = [(number, mode) for number in (signal.SIGINT, signal.SIGTERM) for mode in ((), ("-n", "2"))]


def lines(folder: Path) -> int:
    """How many answers stand in journals."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("eval-runs/*/*/journal.jsonl"))


def measure(folder: Path, url: str, number: signal.Signals, mode: tuple[str, ...]) -> bool:
    """One session: interrupted once 20 answers are there."""
    before = lines(folder)
    command = [sys.executable, "-m", "pytest", f"--model-url={url}", "--eval-concurrency=8", *mode]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while lines(folder) < before + 20:
        time.sleep(0.02)
    process.send_signal(number)
    start, bound = time.monotonic(), 10 if mode else 2
    process.wait()
    took = time.monotonic() - start
    kept = lines(folder) >= before + 20
    print(f"{number.name} {' '.join(mode) or 'serial'}: gone after {took:.2f} s (bound {bound}), answers kept: {kept}")
    return took <= bound and kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stub", default=str(STUB))
    arguments = parser.parse_args()
    if not Path(arguments.stub).is_file():
        sys.exit(f"there is no {arguments.stub}: --stub names the stub server")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    stub = [sys.executable, arguments.stub, "--port", str(port), "--latency", "0.05", "--tail", "0.1:600"]
    server = subprocess.Popen(stub)
    held = []
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "eval_it.yaml").write_text(SUITE)
            rows = [{"question": f"{n} + {n}", "answer": str(2 * n)} for n in range(2000)]
            (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            while not _is_up(port):
                time.sleep(0.05)
            for number, mode in CASES:
                held.append(measure(folder, f"http://127.0.0.1:{port}/v1", number, mode))
    finally:
        server.terminate()
        server.wait()
    return int(not all(held))


def _is_up(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
