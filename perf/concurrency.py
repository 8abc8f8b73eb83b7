"""Adaptive concurrency beside fixed settings, on stub servers of 8, 64 and 512 slots.

python perf/concurrency.py [8] [64] [512]     which servers; all by default

Prints a table. Exit code 1 where adaptive needs more than 1.10 of the time of the best fixed setting; 2 without the
stub (../shared/bench/openai_stub.py).
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from pytest_nemo_eval import Client, Endpoint, Message, Request
from pytest_nemo_eval.client import Limiter, Pool

STUB = Path(__file__).resolve().parents[2] / "shared" / "bench" / "openai_stub.py"
MOST = 4096


class Case(NamedTuple):
    slots: int
    latency: float
    samples: int
    fixed: tuple[int, ...]
    runs: int = 1  # of each setting, in turns; the median counts. Runs of a few seconds differ by a fifth


CASES = (
    Case(8, 0.05, 3000, (4, 8, 16)),
    Case(64, 0.05, 3000, (32, 64, 128), runs=5),
    Case(512, 1.0, 10_000, (256, 512, 1024)),
)


async def send_all(client: Client, limiter: Limiter, samples: int) -> None:
    """Each sample takes a place; at most ``limiter.limit`` tasks are alive."""
    tasks: set[asyncio.Task[None]] = set()

    async def send(number: int) -> None:
        try:
            await client.send(Request(messages=(Message("user", f"What is {number} + 1?"),)))
        finally:
            limiter.release()

    for number in range(samples):
        await limiter.acquire()
        task = asyncio.create_task(send(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


def seconds(case: Case, limiter: Limiter) -> tuple[float, int]:
    """The wall time of one run on a server of its own, and the highest number in flight that the server saw."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [sys.executable, str(STUB), "--port", str(port)]
    server = subprocess.Popen([*argv, "--slots", str(case.slots), "--latency", str(case.latency)])
    pool = Pool()
    try:
        wait_for(port)
        client = Client(Endpoint(f"http://127.0.0.1:{port}/v1", "stub"), [], pool, limiter=limiter)
        start = time.perf_counter()
        pool.start(lambda: send_all(client, limiter, case.samples)).result()
        elapsed = time.perf_counter() - start
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats") as reply:
            return elapsed, json.load(reply)["max_in_flight"]
    finally:
        pool.close()
        server.kill()
        server.wait()


def wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise SystemExit("the stub did not start within 10 s")


def ratio(case: Case) -> float:
    """Print the case's rows; the time of adaptive over that of the best fixed setting."""
    times: dict[int | None, list[float]] = {}
    in_flight: dict[int | None, int] = {}
    for _ in range(case.runs):
        for setting in (*case.fixed, None):
            limiter = Limiter(setting, adaptive=False) if setting else Limiter(MOST)
            elapsed, in_flight[setting] = seconds(case, limiter)
            times.setdefault(setting, []).append(elapsed)
        end = limiter.limit
    medians = {setting: statistics.median(elapsed) for setting, elapsed in times.items()}
    found = medians[None] / min(medians[setting] for setting in case.fixed)
    ideal = case.samples / case.slots * case.latency
    for setting, median in medians.items():
        name, shown = (f"fixed {setting}", "") if setting else (f"auto, to {end}", f"{found:6.3f}")
        print(f"{case.slots:5} {ideal:7.2f}  {name:16} {median:8.2f} {in_flight[setting]:9}  {shown}", flush=True)
    return found


def main() -> int:
    if not STUB.exists():
        print(f"{STUB} is not there: nothing to measure against")
        return 2
    wanted = {int(argument) for argument in sys.argv[1:]}
    print("slots   ideal  setting           seconds in flight  auto / best fixed")
    ratios = [ratio(case) for case in CASES if not wanted or case.slots in wanted]
    return int(max(ratios) > 1.10)


if __name__ == "__main__":
    raise SystemExit(main())
