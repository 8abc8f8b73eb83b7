from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from pytest_nemo_eval.chat import Message, Request
from pytest_nemo_eval.interceptors.store import FILE
from tests.interceptors.models import Model
from tests.interceptors.test_caching import caching, texts

WORKER = """
import asyncio, select, sys
from pytest_nemo_eval.chat import Message, Request, Response
from pytest_nemo_eval.interceptors.caching import Caching, CachingConfig

async def model(request):
    await asyncio.sleep(0)
    return Response(text="answer to " + request.messages[0].text)

async def main():
    cache, sweep = Caching(CachingConfig(cache_dir=sys.argv[1]), "who"), 0
    while sweep < 2 or not select.select([sys.stdin], [], [], 0)[0]:
        requests = [Request(messages=(Message("user", f"{sweep}-{n}"),)) for n in range(64)]
        answers = await asyncio.gather(*(cache(request, model) for request in requests))
        assert [a.text for a in answers] == ["answer to " + r.messages[0].text for r in requests]
        sweep += 1
        print(sweep, flush=True)
    cache.close()
    assert cache.report()["failures"] == 0, cache.report()

asyncio.run(main())
"""


def test_four_processes_of_which_one_is_killed(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", WORKER, str(tmp_path)]
    processes = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    victim, *others = processes
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "1\n"  # all four are in the middle of it
        victim.send_signal(signal.SIGKILL)
        for process in others:
            _, _ = process.communicate(timeout=60)  # closes their stdin
            assert process.returncode == 0
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    connection = sqlite3.connect(tmp_path / FILE)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*) FROM answers").fetchone()[0] >= 128
    connection.close()
    cache, model = caching(tmp_path, "who"), Model()
    questions = [Request(messages=(Message("user", f"{sweep}-{n}"),)) for sweep in range(2) for n in range(64)]
    assert texts(cache, model, *questions) == ["answer to " + q.messages[0].text for q in questions]
    assert not model.asked
