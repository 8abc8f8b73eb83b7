"""Hooks of the process that decides the session: a plain pytest, or the controller of pytest-xdist."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from types import FrameType

import pytest

from ..report import table_lines
from .outcome import STATUS_WORDS, Tally, outcome_of


class Judge:
    """Counts reports, sets the exit code, prints the table, and closes what is open on every way out."""

    def __init__(self, close: Callable[[], None]) -> None:
        self.tally = Tally()
        self._close = close
        self._closed = False
        self._signals: dict[int, object] = {}
        self._code = 0
        self._catch_signals()

    def _catch_signals(self) -> None:
        """SIGTERM and SIGHUP end pytest as Ctrl-C does: without a handler nothing would be torn down."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                self._signals[number] = signal.signal(number, _interrupt)

    def close(self) -> None:
        """End deployments and connections. Idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            self._close()
        finally:
            for number in self._signals:
                signal.signal(number, signal.SIG_DFL)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.tally.add(report)

    def pytest_internalerror(self) -> None:
        self.tally.internal_errors += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        outcome = outcome_of(report) if report.when == "call" else None
        return STATUS_WORDS.get(outcome.kind) if outcome else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, object, object]:
        self._code = self.tally.exit_code(int(exitstatus))
        session.exitstatus = self._code
        try:
            return (yield)
        finally:
            self.close()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.tally.rows:
            terminalreporter.section("evaluations")
            for line in table_lines(self.tally.rows):
                terminalreporter.line("".join(c if c.isprintable() else " " for c in line))
        why = self.tally.why(self._code)
        if why:
            terminalreporter.line(why, red=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(f"signal {signal.Signals(number).name}")
