"""The controller of pytest-xdist: owns the deployments that its workers borrow. Imports nothing until it must."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .options import COMMAND_LINE

if TYPE_CHECKING:
    from .judge import Judge

WORKERINPUT = "nemo_eval"


class Controller:
    """Tells workers where to meet, and starts the broker once one of them has collected an evaluation."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._folder = os.path.join(tempfile.gettempdir(), f"nemo-eval-{os.getpid()}-{uuid.uuid4().hex}")
        self._name = new_session_name()
        self._judge: Judge | None = None
        self._ids: set[str] = set()
        self._broken_suites = 0
        self._failed = 0

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A worker's word of a file that could not be collected, or of what is wrong with the command line.

        Raises:
            pytest.UsageError: the latter; ends the session.
        """
        if report.nodeid == COMMAND_LINE:
            raise pytest.UsageError(str(report.longrepr))
        self._broken_suites += report.failed and report.nodeid.endswith((".yaml", ".yml"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed += report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A suite with a typo ends a session as it does without workers; pytest-xdist calls it a failed test."""
        if self._broken_suites and not self._failed and session.exitstatus == pytest.ExitCode.TESTS_FAILED:
            session.exitstatus = pytest.ExitCode.INTERRUPTED

    def workerinput(self) -> dict[str, dict[str, str]]:
        """What each worker is told."""
        return {WORKERINPUT: {"meeting": self._folder, "session": self._name}}

    def collection_finished(self, ids: list[str]) -> None:
        """A worker has collected; called before any test runs, and again for a worker that replaces a lost one."""
        self._ids.update(ids)
        if self._judge is None and os.path.exists(os.path.join(self._folder, "evaluates")):
            from .active import activate_controller

            self._judge = activate_controller(self._config, Path(self._folder), self._name)
        if self._judge is not None:
            self._judge.tally.expected.update(self._ids)


def new_session_name() -> str:
    """``20261123-231800-1f3a``: the folder of a session's Runs."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}"
