"""Finds the Runs whose answers a new Run of the same item may take over."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

from ..errors import EvalError
from .reader import read_record
from .record import RunRecord, RunStatus


def earlier_runs(output: Path, name: str, item: str, *, finished: bool = False) -> list[Path]:
    """The folders of an item's Runs that were cut short, the oldest first; not those that a finished Run went on with.

    Args:
        output: the folder of all sessions.
        name: of the item's folder within a session's.
        finished: finished Runs too, whoever went on with what.
    """
    found = sorted(_runs(output, name, item), key=lambda run: run[1].started)
    if finished:
        return [folder for folder, _ in found]
    done = {used for _, record in found if record.status is RunStatus.FINISHED for used in record.resumed}
    return [
        folder
        for folder, record in found
        if record.status is not RunStatus.FINISHED and run_name(folder, output) not in done
    ]


def run_name(folder: Path, output: Path) -> str:
    """What a Run is called in ``RunRecord.resumed``."""
    return folder.relative_to(output).as_posix()


def _runs(output: Path, name: str, item: str) -> Iterator[tuple[Path, RunRecord]]:
    for path in output.glob(f"*/{glob.escape(name)}/eval-*.json"):
        try:
            record = read_record(path.parent)
        except (EvalError, OSError):
            continue
        if record.item == item:
            yield path.parent, record
