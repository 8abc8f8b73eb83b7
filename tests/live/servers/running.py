"""Servers that a test starts itself, and evaluations in the background."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pytest_nemo_eval import read_run
from pytest_nemo_eval.backends import create_backend
from pytest_nemo_eval.config.settings import DeploymentSettings, ExecutionSettings
from pytest_nemo_eval.deployment.readiness import wait_until_ready
from pytest_nemo_eval.deployment.spec import DeploymentSpec
from pytest_nemo_eval.launchers import Server, create_launcher
from tests.live.conftest import ROOT, Servers

START_SECONDS = 300.0


@contextmanager
def serving(servers: Servers, backend: str, folder: Path, arguments: Mapping[str, str | int]) -> Iterator[Server]:
    """One server, up until the end of the block."""
    deployment = DeploymentSettings(
        type=backend,
        model_path=str(servers.model),
        served_model_name="smol",
        python=str(servers.python),
        max_model_len=2048,
        server_args=arguments,
    )
    spec = DeploymentSpec(command=create_backend(backend).command(deployment), timeout=START_SECONDS)
    server = create_launcher("local", ExecutionSettings()).start(spec.command, folder / "server.log")
    try:
        wait_until_ready(server, spec, folder / "server.log", print, threading.Event())
        yield server
    finally:
        server.stop()


def quickstart(folder: Path) -> Path:
    """A copy of the suite, to be run there."""
    return Path(shutil.copytree(ROOT / "example_suites" / "quickstart", folder / "quickstart"))


def evaluation(servers: Servers, backend: str, *further: str) -> list[str]:
    """The command line of an evaluation of the quickstart."""
    return [sys.executable, "-m", "pytest", *servers.options(backend), *further, "quickstart"]


def answered(folder: Path) -> int:
    """Samples of a Run that have an answer and a score."""
    return len({result.sample_id for result in read_run(folder).results if result.score and result.reply})


def finished(folder: Path) -> int:
    """Samples on disk."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("eval-runs/*/*/results.jsonl"))
