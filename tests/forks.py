"""Sessions of pytest as forks of one process that has imported what takes longest.

Each still is a process of its own, with signals, an environment and a folder of its own, which imports our plugin anew;
an interpreter that starts from nothing takes more than twice the time.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import sys
import time
from pathlib import Path

import pytest

WITHOUT = ("-p", "no:hypothesispytest")  # which takes a fifth of a session's time
CONTEXT = multiprocessing.get_context("forkserver")


def start_server() -> None:
    """Start the process that is forked; to be called in the project's folder."""
    from multiprocessing import forkserver

    CONTEXT.set_forkserver_preload(["tests.warm"])
    forkserver.ensure_running()


def run_session(folder: Path, arguments: list[str], timeout: float | None) -> pytest.RunResult:
    """As ``Pytester.run`` with ``python -m pytest``."""
    out, err = folder / "stdout", folder / "stderr"
    process = CONTEXT.Process(target=_session, args=(arguments, os.getcwd(), dict(os.environ), str(out), str(err)))
    start = time.perf_counter()
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise pytest.Pytester.TimeoutExpired(f"{timeout} second timeout expired running: pytest {arguments}")
    seconds = time.perf_counter() - start
    said, complained = (path.read_text("utf-8").splitlines() for path in (out, err))
    print(*said, *complained, sep="\n")
    known = list(pytest.ExitCode)
    code = pytest.ExitCode(process.exitcode) if process.exitcode in known else process.exitcode
    return pytest.RunResult(code, said, complained, seconds)


def _session(arguments: list[str], cwd: str, environ: dict[str, str], out: str, err: str) -> None:
    for number, path in enumerate((os.devnull, out, err)):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    sys.path[:] = [cwd, *filter(None, environ.get("PYTHONPATH", "").split(os.pathsep)), *sys.path]
    sys.argv = ["pytest", *WITHOUT, *arguments]
    try:
        code = pytest.console_main()
    finally:
        atexit._run_exitfuncs()
        _save_coverage()
    raise SystemExit(int(code))


def _save_coverage() -> None:
    """Where it is measured: with Python 3.13 a fork of the server runs nothing that was registered before it began."""
    measuring = sys.modules.get("coverage")
    current = measuring.Coverage.current() if measuring is not None else None
    if current is not None:
        current.stop()
        with contextlib.suppress(Exception):  # of a session that may write no large file, say
            current.save()
