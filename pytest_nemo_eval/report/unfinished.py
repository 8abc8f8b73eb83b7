"""Runs of a session that did not come to their end, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import EvalError
from ..runs import RunRecord, RunStatus
from ..runs.reader import read_record
from ..runs.writer import RESULTS

CUT_SHORT = (RunStatus.RUNNING, RunStatus.INTERRUPTED)


def unfinished_lines(folder: Path) -> Iterator[str]:
    """Two lines for each Run in a session's folder that was cut short: how far it came, and where it is."""
    for path in sorted(folder.glob("*/eval-*.json")):
        try:
            record = read_record(path.parent)
            if record.status in CUT_SHORT:
                yield f"{record.item}: {_progress(record, path.parent)}"
                yield f"    {path.parent}"
        except (EvalError, OSError):
            continue


def _progress(record: RunRecord, folder: Path) -> str:
    total = record.benchmark.samples * record.benchmark.repeats
    with (folder / RESULTS).open("rb") as lines:
        done = sum(1 for line in lines if line.endswith(b"\n"))
    words = f"partial, {done} of {total} samples are finished and nothing was judged"
    return f"{words}; the same command goes on with them"
