"""How an evaluation's outcome reaches pytest's reports and the exit code."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import pytest

from ..errors import EvalError, EvaluationError, GateFailure, GateInconclusive
from ..evaluation import BenchmarkResult, Judgement, broken_setup, explain
from ..gates import Verdict
from ..report import Row, row_of
from .models import is_baseline, label_of
from .rules import RULES, SessionRules


@dataclass(frozen=True)
class Evaluated:
    """A benchmark that an item ran; ``error`` is its row where something broke."""

    result: BenchmarkResult | None = None
    error: Row | None = None

    @property
    def row(self) -> Row:
        """Its line in reports, with what a plain assert asked of it."""
        if self.result is None:
            return self.error or Row(benchmark="", verdict="error")
        row = row_of(self.result.record, str(self.result.folder))
        asked = [condition for condition in self.result.compared if condition not in row.threshold]
        threshold = " and ".join([*([row.threshold] if row.threshold else []), *asked])
        notes = [row.note, *(note for note in self.result.notes if "worked examples" not in note)]
        return msgspec.structs.replace(row, threshold=threshold, note="; ".join(note for note in notes if note))


EVALUATED = pytest.StashKey[list[Evaluated]]()
"""On an item: each benchmark that it ran."""

ATTRIBUTE = "_nemo_eval"
"""On a report: an Outcome as JSON text, the one shape that xdist carries whole."""


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
    """What travels with a report.

    Attributes:
        model: the label of one of several models.
    """

    kind: Kind
    rows: tuple[Row, ...] = ()
    rules: tuple[SessionRules, ...] = ()
    model: str = ""


def mark_report(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Make a broken run an ERROR, and let the report carry the evaluation's outcome."""
    error = call.excinfo.value if call.excinfo is not None else None
    evaluated = item.stash.get(EVALUATED, [])
    if call.when == "call" and not isinstance(error, EvalError | GateFailure) and not report.skipped:
        error = _broken_setup(evaluated) or error
    if is_baseline(item) and call.when == "call" and report.failed and not isinstance(error, EvalError):
        error = _only_measure(report, evaluated)
    if isinstance(error, EvalError):
        _make_error(item, error, report)
    if call.when != "call" and not report.failed and not report.skipped:
        return
    rows = tuple(one.row for one in evaluated) if call.when == "call" else ()
    kind = _kind(report, error, rows, item)
    if kind in (Kind.FAILED, Kind.INCONCLUSIVE) and not isinstance(error, GateFailure):
        _add_sections(item, report)
    label = label_of(item)
    rows = tuple(msgspec.structs.replace(row, verdict=_verdict(row, kind, item), model=label) for row in rows)
    _, rules = item.stash.get(RULES, (None, ()))
    setattr(report, ATTRIBUTE, msgspec.json.encode(Outcome(kind, rows, rules, label)).decode())


def _make_error(item: pytest.Item, error: EvalError, report: pytest.TestReport) -> None:
    if report.when == "call":
        report.when = "setup"  # the terminal, JUnit and HTML all show a failed set-up as ERROR
        report.outcome = "failed"
    unexpected = type(error) is EvalError and error.__cause__ is not None  # then the traceback tells most
    if not unexpected and not item.config.getoption("fulltrace"):
        report.longrepr = f"{type(error).__name__}: {error}"


def _only_measure(report: pytest.TestReport, evaluated: Sequence[Evaluated]) -> EvalError | None:
    """What a test asks is for the models that are held against the baseline, once that is measured."""
    if not any(one.result for one in evaluated):
        return EvaluationError(f"the test failed before the baseline model was measured: {report.longrepr}")
    report.sections.append(("the baseline model is measured and not judged", str(report.longrepr)))
    report.outcome = "passed"
    report.longrepr = None
    return None


def _broken_setup(evaluated: Sequence[Evaluated]) -> EvalError | None:
    """A plain assert on a result whose set-up is broken is no verdict, however it came out."""
    for one in evaluated:
        if one.result is not None and one.result.compared and one.result.record.faults:
            return broken_setup(one.result)
    return None


def _add_sections(item: pytest.Item, report: pytest.TestReport) -> None:
    """What stands behind a failed assert; pytest cuts an assert's own explanation after eight lines."""
    for result in (one.result for one in item.stash.get(EVALUATED, []) if one.result is not None):
        report.sections.append((f"evaluation of {result.benchmark}", "\n".join(explain(result)) + "\n"))


def _verdict(row: Row, kind: Kind, item: pytest.Item) -> str:
    """A Python test that asserted something of an ungated run has judged it."""
    if row.verdict != "measured":
        return row.verdict
    if kind is Kind.PASSED and row.threshold and not is_suite_item(item):
        return "pass"
    return {Kind.FAILED: "fail", Kind.INCONCLUSIVE: "inconclusive", Kind.INFRASTRUCTURE: "error"}.get(kind, row.verdict)


SUITE_ITEM = pytest.StashKey[bool]()


def is_suite_item(item: pytest.Item) -> bool:
    """Whether an item comes from a suite file, where nothing but gates can judge."""
    return item.stash.get(SUITE_ITEM, False)


def _kind(report: pytest.TestReport, error: BaseException | None, rows: tuple[Row, ...], item: pytest.Item) -> Kind:
    if isinstance(error, GateInconclusive):
        return Kind.INCONCLUSIVE
    if report.skipped:
        return Kind.SKIPPED
    if report.failed:
        if report.when != "call":
            return Kind.INFRASTRUCTURE
        return Kind.INCONCLUSIVE if _undecided(item, error) else Kind.FAILED
    if is_baseline(item) and rows:
        return Kind.MEASURED
    verdicts = {row.verdict for row in rows}
    if verdicts and verdicts <= {"advisory"}:
        return Kind.ADVISORY
    ungated = is_suite_item(item) and verdicts and verdicts <= {"advisory", "measured"}
    return Kind.MEASURED if ungated else Kind.PASSED


def _undecided(item: pytest.Item, error: BaseException | None) -> bool:
    """Whether an assert failed on ``no_worse_than`` for want of evidence alone."""
    if not isinstance(error, AssertionError) or isinstance(error, GateFailure):
        return False
    unmet = [one.result.unmet for one in item.stash.get(EVALUATED, []) if one.result is not None]
    asked = [one.verdict.verdict for one in unmet if isinstance(one, Judgement)]
    return bool(asked) and len(asked) == len([one for one in unmet if one is not None]) and Verdict.FAIL not in asked


def outcome_of(report: pytest.TestReport) -> Outcome | None:
    """The outcome that a report carries; None where it is not an evaluation's."""
    text = getattr(report, ATTRIBUTE, None)
    return msgspec.json.decode(text, type=Outcome) if isinstance(text, str) else None


STATUS_WORDS = {
    Kind.MEASURED: ("passed", ".", "MEASURED"),
    Kind.ADVISORY: ("passed", ".", "ADVISORY"),
    Kind.INCONCLUSIVE: ("failed", "F", "INCONCLUSIVE"),
}
