"""The terminal's table."""

from __future__ import annotations

from collections.abc import Sequence

from .row import Row

_TITLES = ("benchmark", "score", "95 % interval", "n", "threshold", "verdict")


def table_lines(rows: Sequence[tuple[str, Row]]) -> list[str]:
    """The table of a session: (item, row) pairs as aligned lines, each followed by its note and its Run."""
    cells = [_TITLES, *(_cells(row) for _, row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_TITLES))]
    lines = [_aligned(_TITLES, widths)]
    for (item, row), line in zip(rows, cells[1:], strict=True):
        lines.append(_aligned(line, widths))
        details = (_counts(row), *row.comparisons, *(f"warning: {text}" for text in row.warnings), row.note)
        lines += [f"    {text}" for text in (*details, row.run or item) if text]
    return lines


def _cells(row: Row) -> tuple[str, ...]:
    if row.value is None:
        return row.title, "-", "-", "-", row.threshold or "-", row.verdict
    interval = f"{row.ci_lower:.4f} to {row.ci_upper:.4f}"
    return row.title, f"{row.value:.4f}", interval, str(row.n), row.threshold or "-", row.verdict


def _counts(row: Row) -> str:
    counts = {
        "answers could not be extracted": row.extraction_failures,
        "errored samples": row.errors,
        "truncated replies": row.truncated,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
