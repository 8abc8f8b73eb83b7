"""pytest-html's table: score, interval, threshold and verdict of each benchmark."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..gates import SessionVerdict
    from ..report import Row

COLUMNS = ("score", "interval", "threshold", "verdict")
_AFTER = 2
"""Behind result and test id."""


class HtmlTable:
    """Our part in pytest-html's table; a session without evaluations keeps its table as it is."""

    def __init__(self) -> None:
        self._report: Any = None
        self._active = False
        self.verdict: SessionVerdict | None = None

    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        if self.verdict is not None:
            from ..report import verdict_lines

            first, *reasons = verdict_lines(self.verdict)
            prefix.append(f"<h3>{escape(first)}</h3>")
            prefix.append(f"<ul>{''.join(f'<li>{escape(reason.strip())}</li>' for reason in reasons)}</ul>")

    def pytest_html_report_title(self, report: Any) -> None:
        self._report = report  # the one hook that hands it out, before there is any row

    def activate(self) -> None:
        """Add the columns; called before the first test runs."""
        if self._report is not None and not self._active:
            self._active = True
            self._report.table_header[_AFTER:_AFTER] = [
                f'<th class="sortable" data-column-type="{name}">{name.capitalize()}</th>' for name in COLUMNS
            ]

    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        if self._active:
            cells[_AFTER:_AFTER] = _cells(report)

    def pytest_html_results_table_html(self, report: pytest.TestReport, data: list[str]) -> None:
        if self._active:
            data[:0] = _details(report)


TABLE = pytest.StashKey[HtmlTable]()


def _cells(report: pytest.TestReport) -> list[str]:
    """Blank for a test that is no evaluation."""
    from .outcome import outcome_of

    outcome = outcome_of(report)
    rows = outcome.rows if outcome else ()
    texts = {
        "score": [_score(row) for row in rows],
        "interval": [_interval(row) for row in rows],
        "threshold": [row.threshold or "-" for row in rows],
        "verdict": [row.verdict for row in rows],
    }
    return [f'<td class="col-{name}">{"<br/>".join(escape(text) for text in texts[name])}</td>' for name in COLUMNS]


def _details(report: pytest.TestReport) -> list[str]:
    """Counts, notes, and where the Run is."""
    from .outcome import outcome_of

    outcome = outcome_of(report)
    lines = []
    for row in outcome.rows if outcome else ():
        counts = f"{row.extraction_failures} not extracted, {row.errors} errors, {row.truncated} truncated"
        gates = (gate.explanation for gate in row.gates)
        warnings = (f"warning: {text}" for text in row.warnings)
        parts = (f"{row.title}: {counts}", *gates, *row.comparisons, *warnings, row.note, row.run)
        text = "\n".join(part for part in parts if part)
        lines.append(escape(text) + "\n\n")
    return lines


def _score(row: Row) -> str:
    return "-" if row.value is None else f"{row.value:.4f}"


def _interval(row: Row) -> str:
    return "-" if row.value is None else f"{row.ci_lower:.4f} to {row.ci_upper:.4f} (n = {row.n})"
