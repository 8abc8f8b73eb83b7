"""How an evaluation's outcome reaches pytest's reports and the exit code."""

from __future__ import annotations

import enum
from typing import NamedTuple

import msgspec
import pytest

from ..errors import EvalError, GateFailure, GateInconclusive
from ..evaluation import BenchmarkResult, explain
from ..report import Row


class Evaluated(NamedTuple):
    """A benchmark that an item ran; without a result where something broke."""

    row: Row
    result: BenchmarkResult | None


EVALUATED = pytest.StashKey[list[Evaluated]]()
"""On an item: each benchmark that it ran."""

ATTRIBUTE = "_nemo_eval"
"""On a report: an Outcome as JSON text, the one shape that xdist carries whole."""

EXIT_INCONCLUSIVE = 6
EXIT_INFRASTRUCTURE = 7


class Kind(str, enum.Enum):
    """What a report of an evaluation says."""

    PASSED = "passed"
    MEASURED = "measured"
    ADVISORY = "advisory"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    INFRASTRUCTURE = "infrastructure"
    SKIPPED = "skipped"


class Outcome(msgspec.Struct, frozen=True):
    """What travels with a report."""

    kind: Kind
    rows: tuple[Row, ...] = ()


def mark_report(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Make a broken run an ERROR, and let the report carry the evaluation's outcome."""
    error = call.excinfo.value if call.excinfo is not None else None
    if isinstance(error, EvalError):
        if report.when == "call":
            report.when = "setup"  # the terminal, JUnit and HTML all show a failed set-up as ERROR
        unexpected = type(error) is EvalError and error.__cause__ is not None  # then the traceback tells most
        if not unexpected and not item.config.getoption("fulltrace"):
            report.longrepr = f"{type(error).__name__}: {error}"
    evaluated: list[Evaluated] = item.stash.get(EVALUATED, [])
    rows = tuple(_with_conditions(*one) for one in evaluated) if call.when == "call" else ()
    if call.when == "call" or report.failed or report.skipped:
        kind = _kind(report, error, rows, is_suite_item(item))
        if kind is Kind.FAILED and not isinstance(error, GateFailure):
            _add_sections(item, report)
        if kind is Kind.FAILED:
            rows = tuple(
                msgspec.structs.replace(row, verdict="fail") if row.verdict == "measured" else row for row in rows
            )
        elif kind is Kind.PASSED:
            rows = tuple(msgspec.structs.replace(row, verdict=_passed(row, item)) for row in rows)
        setattr(report, ATTRIBUTE, msgspec.json.encode(Outcome(kind, rows)).decode())


def _add_sections(item: pytest.Item, report: pytest.TestReport) -> None:
    """What stands behind a failed assert; pytest cuts an assert's own explanation after eight lines."""
    evaluated: list[Evaluated] = item.stash.get(EVALUATED, [])
    for result in (result for _, result in evaluated if result is not None):
        report.sections.append((f"evaluation of {result.benchmark}", "\n".join(explain(result)) + "\n"))


def _with_conditions(row: Row, result: BenchmarkResult | None) -> Row:
    """A row without gates names what a plain assert asked."""
    if row.threshold or result is None:
        return row
    return msgspec.structs.replace(row, threshold=" and ".join(result.compared))


def _passed(row: Row, item: pytest.Item) -> str:
    """A Python test that passed has asserted something of its ungated runs."""
    return "pass" if row.verdict == "measured" and not is_suite_item(item) else row.verdict


SUITE_ITEM = pytest.StashKey[bool]()


def is_suite_item(item: pytest.Item) -> bool:
    """Whether an item comes from a suite file, where nothing but gates can judge."""
    return item.stash.get(SUITE_ITEM, False)


def _kind(report: pytest.TestReport, error: BaseException | None, rows: tuple[Row, ...], suite_item: bool) -> Kind:
    if isinstance(error, GateInconclusive):
        return Kind.INCONCLUSIVE
    if report.skipped:
        return Kind.SKIPPED
    if report.failed:
        return Kind.INFRASTRUCTURE if report.when != "call" else Kind.FAILED
    verdicts = {row.verdict for row in rows}
    if verdicts and verdicts <= {"advisory"}:
        return Kind.ADVISORY
    ungated = suite_item and verdicts and verdicts <= {"advisory", "measured"}
    return Kind.MEASURED if ungated else Kind.PASSED


def outcome_of(report: pytest.TestReport) -> Outcome | None:
    """The outcome that a report carries; None where it is not an evaluation's."""
    text = getattr(report, ATTRIBUTE, None)
    return msgspec.json.decode(text, type=Outcome) if isinstance(text, str) else None


STATUS_WORDS = {
    Kind.MEASURED: ("passed", ".", "MEASURED"),
    Kind.ADVISORY: ("passed", ".", "ADVISORY"),
    Kind.INCONCLUSIVE: ("failed", "F", "INCONCLUSIVE"),
}


class Tally:
    """Counts a session's reports, in the process that decides the exit code."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self.rows: list[tuple[str, Row]] = []
        self.other_failures = 0
        self.other_passes = 0
        self.expected: set[str] = set()
        self.finished: set[str] = set()
        self.internal_errors = 0

    def add(self, report: pytest.TestReport) -> None:
        """Count one report."""
        outcome = outcome_of(report)
        if outcome is not None:
            self.kinds.append(outcome.kind)
            self.rows += [(report.nodeid, row) for row in outcome.rows]
        elif report.failed:
            self.other_failures += 1
        elif report.when == "call" and report.passed:
            self.other_passes += 1
        if report.when in ("teardown", "???"):
            self.finished.add(report.nodeid)

    def exit_code(self, code: int) -> int:
        """The session's exit code: pytest's own, but for failures that are no failures of the model."""
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return code
        if code == pytest.ExitCode.OK and (self.expected - self.finished or self.internal_errors):
            return pytest.ExitCode.INTERNAL_ERROR
        if Kind.FAILED in self.kinds or self.other_failures:
            return code
        if Kind.INFRASTRUCTURE in self.kinds:
            return EXIT_INFRASTRUCTURE
        if Kind.INCONCLUSIVE in self.kinds:
            return EXIT_INCONCLUSIVE
        return self._unearned(code)

    def _unearned(self, code: int) -> int:
        """A session in which nothing was judged is no pass."""
        if code != pytest.ExitCode.OK or Kind.PASSED in self.kinds or Kind.MEASURED in self.kinds or self.other_passes:
            return code
        return EXIT_INCONCLUSIVE if Kind.ADVISORY in self.kinds else pytest.ExitCode.NO_TESTS_COLLECTED

    def why(self, code: int) -> str | None:
        """The exit code in words, where it needs them."""
        if code == EXIT_INFRASTRUCTURE:
            return "no verdict on the model: a deployment, an endpoint, a data set or a scorer broke (exit code 7)"
        if code == EXIT_INCONCLUSIVE and Kind.INCONCLUSIVE in self.kinds:
            return "inconclusive: too little evidence either way (exit code 6)"
        if code == EXIT_INCONCLUSIVE:
            return "no verdict on the model: only advisory gates were judged (exit code 6)"
        if code == pytest.ExitCode.NO_TESTS_COLLECTED:
            return "no verdict on the model: nothing was evaluated (exit code 5)"
        if code == pytest.ExitCode.INTERNAL_ERROR:
            lost = sorted(self.expected - self.finished)
            return (
                f"no verdict: a worker was lost with its reports, {len(lost)} items among them: {', '.join(lost[:5])}"
            )
        return None
