"""Hooks of the process that decides the session: a plain pytest, or the controller of pytest-xdist."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType

import pytest

from ..errors import EvalError
from ..gates import Decision, SessionVerdict
from ..report import table_lines, unfinished_lines, verdict_lines, write_verdict
from .html import HtmlTable
from .outcome import STATUS_WORDS, outcome_of
from .tally import Tally


class Judge:
    """Counts reports, sets the exit code, prints the table, and closes what is open on every way out.

    Args:
        folder: the session's, where its verdict is written.
        table: pytest-html's, which shows the verdict too.
        interrupted: called when the user wants to stop.
    """

    def __init__(
        self,
        close: Callable[[], None],
        folder: Path,
        table: HtmlTable | None = None,
        interrupted: Callable[[], None] = lambda: None,
    ) -> None:
        self.tally = Tally()
        self.verdict: SessionVerdict | None = None
        self._folder = folder
        self._table = table
        self._close = close
        self._interrupted = interrupted
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

    def pytest_keyboard_interrupt(self) -> None:
        self._interrupted()

    def pytest_internalerror(self) -> None:
        self.tally.internal_errors += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        outcome = outcome_of(report) if report.when == "call" else None
        return STATUS_WORDS.get(outcome.kind) if outcome else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, object, object]:
        self.verdict = self.tally.close()
        self._code = self.tally.exit_code(int(exitstatus), self.verdict)
        session.exitstatus = self._code
        if self.verdict is not None and self._table is not None:
            self._table.verdict = self.verdict
        try:
            return (yield)
        finally:
            self.close()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        unfinished = list(unfinished_lines(self._folder))
        if self.tally.rows or unfinished:
            terminalreporter.section("evaluations")
        if self.tally.rows:
            for line in table_lines(self.tally.rows):
                terminalreporter.line(_printable(line))
        for line in unfinished:
            terminalreporter.line(_printable(line), yellow=True)
        if self.verdict is not None:
            good = self.verdict.decision is Decision.GO
            first, *reasons = verdict_lines(self.verdict)
            terminalreporter.line(_printable(first), bold=True, green=good, red=not good)
            for line in reasons:
                terminalreporter.line(_printable(line))
            self._write(terminalreporter)
        why = self.tally.why(self._code)
        if why:
            terminalreporter.line(why, red=True)

    def _write(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.verdict is None or not self._folder.is_dir():
            return
        try:
            path = write_verdict(self._folder, self.verdict, self._code, self.tally.rows)
        except EvalError as error:
            terminalreporter.line(str(error), red=True)
            return
        terminalreporter.line(f"    {path}")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(f"signal {signal.Signals(number).name}")
