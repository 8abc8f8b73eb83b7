"""What a session comes to: its verdict and its exit code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from ..config.models import BASELINE, is_of, without_model
from ..config.settings import CompositeSettings, Tier
from ..errors import EvalError
from ..gates import Decision, Judged, Part, SessionVerdict, Verdict, decide_session, judge_composite
from ..report import Row
from ..runs import GateRecord, RunRecord
from ..runs.reader import read_record
from .outcome import Kind, outcome_of
from .rules import SessionRules

_NOTHING = Row(benchmark="", verdict="")
"""Of an item that has not run."""
EXIT_INCONCLUSIVE = 6
EXIT_INFRASTRUCTURE = 7


class Tally:
    """Counts a session's reports, in the process that decides the exit code."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}
        self.rows: list[tuple[str, Row]] = []
        self.rules: list[SessionRules] = []
        self.files: list[set[str]] = []
        self.models: dict[str, str] = {}
        self.other_failures = 0
        self.other_passes = 0
        self.expected: set[str] = set()
        self.finished: set[str] = set()
        self.internal_errors = 0
        self.lost: set[str] = set()

    def add(self, report: pytest.TestReport) -> None:
        """Count one report."""
        outcome = outcome_of(report)
        if report.outcome == "rerun":  # type: ignore[comparison-overlap]  # pytest-rerunfailures' own
            return
        if report.when == "???":  # type: ignore[comparison-overlap]  # pytest-xdist's, of a worker that is gone
            self.kinds[report.nodeid] = Kind.INFRASTRUCTURE
            self.lost.add(report.nodeid)
        elif outcome is not None:
            self.kinds[report.nodeid] = _weightier(self.kinds.get(report.nodeid), outcome.kind)
            self.rows += [(report.nodeid, row) for row in outcome.rows]
            self.models[report.nodeid] = outcome.model
            self._note_rules(report.nodeid, outcome.rules)
        elif report.failed:
            self.other_failures += 1
        elif report.when == "call" and report.passed:
            self.other_passes += 1
        if report.when in ("teardown", "???"):
            self.finished.add(report.nodeid)

    def close(self) -> SessionVerdict | None:
        """Judge what takes the whole session; None where no gate was judged and nothing was required.

        Composites are added to the rows.
        """
        broken = [f"{item}: {self._cause(item)}" for item, kind in self.kinds.items() if kind is Kind.INFRASTRUCTURE]
        broken += list(self._missing())
        unfinished = sorted(self.expected - self.finished)
        if unfinished:
            broken.append(f"the session ended before {len(unfinished)} items had: {', '.join(unfinished[:5])}")
        for name, row, cause in self._composites():
            self.rows.append((name, row))
            broken += [cause] if cause else []
        judged = list(self._judged())
        failed = [item for item, kind in self.kinds.items() if kind is Kind.FAILED and not self._has_failed_gate(item)]
        if not (judged or broken or failed):
            return None
        return decide_session(judged, broken, failed, correction=any(rules.correction for rules in self.rules))

    def _cause(self, item: str) -> str:
        if item in self.lost:
            return "its worker was lost (killed, or out of memory)"
        notes = [row.note for name, row in self.rows if name == item and row.verdict == "error"]
        return notes[0] if notes else "ended in an error"

    def _note_rules(self, item: str, found: Iterable[SessionRules]) -> None:
        for rules in found:
            if rules not in self.rules:
                self.rules.append(rules)
                self.files.append(set())
            self.files[self.rules.index(rules)].add(_file(item))

    def _missing(self) -> Iterator[str]:
        for rules in self.rules:
            for name in rules.required:
                for label in self._labels([name], rules):
                    if not any(self._is_called(name, label, item, row) for item, row in self.rows):
                        of = f" of {label}" if label else ""
                        yield f"{name}{of} is required by {rules.origin} and was not evaluated"

    def _labels(self, names: Collection[str], rules: SessionRules) -> list[str]:
        """Which of several models these benchmarks are judged of: those of the files that have any of them."""
        items = [*((item, _NOTHING) for item in self.expected), *self.rows]
        under = self.files[self.rules.index(rules)]
        files = {
            _file(item)
            for item, row in items
            if _file(item) in under and any(self._is_called(name, self._label(item), item, row) for name in names)
        }
        return sorted({self._label(item) for item, _ in items if _file(item) in files} - {BASELINE}) or [""]

    def _label(self, item: str) -> str:
        """The label of an item's model, also of one that did not run."""
        if item in self.models:
            return self.models[item]
        return next((label for label in set(self.models.values()) if label and is_of(item, label)), "")

    def _is_called(self, name: str, label: str, item: str, row: Row) -> bool:
        """Whether a policy or a composite means this row, as one of the model with this label."""
        tail = without_model(item, label).rpartition("::")[2]
        return self._label(item) == label and name in (tail, tail.partition("[")[0], row.benchmark, row.name)

    def _judged(self) -> Iterator[Judged]:
        for item, row in self.rows:
            if self.kinds.get(item) is Kind.INFRASTRUCTURE:
                continue
            gates = row.gates or tuple(_gates_of_asserts(row))
            for gate in gates:
                yield Judged(
                    item=item,
                    condition=gate.condition,
                    verdict=Verdict(gate.verdict),
                    tier=Tier(gate.tier),
                    by_evidence=gate.decided_by == "evidence",
                    p_fail=gate.p_fail,
                )

    def _has_failed_gate(self, item: str) -> bool:
        return any(gate.verdict == "fail" for name, row in self.rows if name == item for gate in row.gates)

    def _composites(self) -> Iterator[tuple[str, Row, str]]:
        """(name, row, what broke) of each composite of each model, drawn from the Runs."""
        for rules in self.rules:
            for name, settings in rules.composites.items():
                for label in self._labels(settings.weights, rules):
                    item = f"{rules.origin}::{name}" + (f"[@{label}]" if label else "")
                    row, broken = self._composite(name, settings, label, rules)
                    yield item, msgspec.structs.replace(row, model=label), broken

    def _composite(self, name: str, settings: CompositeSettings, label: str, rules: SessionRules) -> tuple[Row, str]:
        left_out = [key for key in settings.weights if not self._was_selected(key, label)]
        if left_out:
            note = f"not judged: {', '.join(left_out)} was not selected"
            return Row(benchmark=name, verdict="not judged", note=note), ""
        try:
            records = {key: self._record(key, label, rules) for key in settings.weights}
            if label and len({(record.model.id, record.model.path) for record in records.values()}) > 1:
                raise EvalError(f"{rules.origin} weighs Runs of two models that are both called {label}")
            found = judge_composite(
                name, settings, {key: _part(key, record, settings.metric, rules) for key, record in records.items()}
            )
        except EvalError as error:
            return Row(benchmark=name, verdict="error", note=str(error)), f"{name}: {error}"
        gate = GateRecord(
            condition=found.condition,
            verdict=found.verdict.value,
            tier=found.tier.value,
            explanation=found.explanation,
            decided_by=found.decided_by.value,
        )
        row = Row(
            benchmark=name,
            verdict="advisory" if found.tier is Tier.ADVISORY else found.verdict.value,
            threshold=found.condition,
            note=found.explanation,
            gates=(gate,),
            warnings=(found.warning,) if found.warning else (),
        )
        return row, ""

    def _was_selected(self, name: str, label: str) -> bool:
        items = [(item, _NOTHING) for item in self.expected]
        return any(self._is_called(name, label, item, row) for item, row in (*items, *self.rows))

    def _record(self, key: str, label: str, rules: SessionRules) -> RunRecord:
        rows = [row for item, row in self.rows if self._is_called(key, label, item, row) and row.run]
        if len(rows) != 1:
            raise EvalError(f"{rules.origin} weighs {key}, of which this session has {len(rows)} finished runs")
        return read_record(Path(rows[0].run))

    def exit_code(self, code: int, verdict: SessionVerdict | None) -> int:
        """The session's exit code: pytest's own, but for failures that are no failures of the model."""
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return code
        if code == pytest.ExitCode.OK and (self.expected - self.finished or self.internal_errors):
            return pytest.ExitCode.INTERNAL_ERROR
        if self.other_failures:
            return code
        if verdict is not None:
            if verdict.decision is Decision.NO_GO:
                return pytest.ExitCode.TESTS_FAILED
            if verdict.decision is Decision.INCONCLUSIVE:
                return EXIT_INCONCLUSIVE
            if verdict.broken:
                return EXIT_INFRASTRUCTURE
        return self._unearned(code)

    def _unearned(self, code: int) -> int:
        """A session in which nothing was judged is no pass."""
        kinds = set(self.kinds.values())
        if code != pytest.ExitCode.OK or kinds & {Kind.PASSED, Kind.MEASURED}:
            return code
        if Kind.ADVISORY in kinds:
            return EXIT_INCONCLUSIVE
        return code if self.other_passes else pytest.ExitCode.NO_TESTS_COLLECTED

    def why(self, code: int) -> str | None:
        """The exit code in words, where it needs them."""
        kinds = set(self.kinds.values())
        if code == EXIT_INFRASTRUCTURE:
            return "no verdict on the model: a deployment, an endpoint, a data set or a scorer broke (exit code 7)"
        if code == EXIT_INCONCLUSIVE and Kind.ADVISORY in kinds and not kinds & {Kind.INCONCLUSIVE, Kind.FAILED}:
            return "no verdict on the model: only advisory gates were judged (exit code 6)"
        if code == EXIT_INCONCLUSIVE:
            return "inconclusive: too little evidence either way (exit code 6)"
        if code == pytest.ExitCode.NO_TESTS_COLLECTED:
            return "no verdict on the model: nothing was evaluated (exit code 5)"
        if code == pytest.ExitCode.INTERNAL_ERROR:
            lost = sorted(self.expected - self.finished)
            return (
                f"no verdict: a worker was lost with its reports, {len(lost)} items among them: {', '.join(lost[:5])}"
            )
        return None


_WEIGHT = (Kind.FAILED, Kind.INFRASTRUCTURE, Kind.INCONCLUSIVE)


def _gates_of_asserts(row: Row) -> Iterator[GateRecord]:
    """What a benchmark without gates was held to: a test's asserts, and that all of it was asked."""
    if row.verdict == "pass":
        yield GateRecord(condition=row.threshold, verdict="pass", tier="supporting", explanation="")
    elif row.verdict == "inconclusive":
        condition = row.threshold or "all samples asked"
        yield GateRecord(condition=condition, verdict="inconclusive", tier="supporting", explanation="")


def _weightier(first: Kind | None, second: Kind) -> Kind:
    """An item may send several reports: the call's, and a teardown's that failed."""
    return next((kind for kind in _WEIGHT if kind in (first, second)), second)


def _part(key: str, record: RunRecord, metric: str, rules: SessionRules) -> Part:
    if metric not in record.benchmark.scores:
        raise EvalError(f"{rules.origin} weighs the {metric} of {key}, which its Run does not have")
    score = record.benchmark.scores[metric]
    beside = next((found for found in record.comparisons if found.metric == metric), None)
    if beside is None:
        return Part(score.value, score.stderr)
    return Part(score.value, score.stderr, beside.difference, beside.stderr)


def _file(item: str) -> str:
    return item.partition("::")[0]
