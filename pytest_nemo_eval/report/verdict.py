"""A session's decision, in words and on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..errors import EvalError
from ..gates import SessionVerdict
from .row import Row

FILE = "verdict.json"
_SHOWN = 20
_WORDS = {
    "GO": "GO: every gate that counts passed",
    "NO-GO": "NO-GO: a gate was missed",
    "INCONCLUSIVE": "INCONCLUSIVE: too little evidence either way",
    "NO VERDICT": "NO VERDICT on the model",
}


class ItemRecord(msgspec.Struct, frozen=True):
    """An item and what it came to."""

    item: str
    row: Row


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What ``verdict.json`` holds."""

    schema_version: int = 1
    decision: str
    reasons: tuple[str, ...]
    exit_code: int
    items: tuple[ItemRecord, ...]


def verdict_lines(verdict: SessionVerdict) -> list[str]:
    """The decision and its reasons."""
    lines = [f"verdict: {_WORDS[verdict.decision.value]}"]
    lines += [f"    {reason}" for reason in verdict.reasons[:_SHOWN]]
    more = len(verdict.reasons) - _SHOWN
    lines += [f"    and {more} more"] if more > 0 else []
    if verdict.family:
        lines.append(f"    failures on evidence were held against the number of gates, {verdict.family} (Holm)")
    return lines


def write_verdict(folder: Path, verdict: SessionVerdict, code: int, rows: Sequence[tuple[str, Row]]) -> Path:
    """Write the decision into the session's folder.

    Raises:
        EvalError: it cannot be written.
    """
    record = SessionRecord(
        decision=verdict.decision.value,
        reasons=verdict.reasons,
        exit_code=code,
        items=tuple(ItemRecord(item, row) for item, row in rows),
    )
    path = folder / FILE
    new = path.with_suffix(".new")
    try:
        new.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
        os.replace(new, path)
    except OSError as error:
        raise EvalError(f"the verdict cannot be written to {path}: {error.strerror}") from None
    return path
