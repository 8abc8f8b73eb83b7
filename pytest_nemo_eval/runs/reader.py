"""Reads a Run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..errors import EvalError
from ..scores import SampleResult
from .record import SCHEMA_VERSION, RunRecord
from .writer import RESULTS


@dataclass(frozen=True)
class Run:
    """A Run as read: its record, and its samples in the order in which they finished."""

    folder: Path
    record: RunRecord
    results: tuple[SampleResult, ...]


def read_run(folder: Path) -> Run:
    """Read the Run in ``folder``, also an unfinished one; a last line that was cut off is left out.

    Raises:
        EvalError: no Run, an unreadable one, or one of another schema version.
    """
    record = read_record(folder)
    return Run(folder, record, _read_results(folder / RESULTS))


def read_record(folder: Path) -> RunRecord:
    """The record alone.

    Raises:
        EvalError: as ``read_run``.
    """
    records = sorted(folder.glob("eval-*.json"))
    if len(records) != 1:
        raise EvalError(f"{folder} is not a Run: it should hold one eval-*.json, and holds {len(records)}")
    content = records[0].read_bytes()
    try:
        version = msgspec.json.decode(content, type=dict[str, object]).get("schema_version")
        if version != SCHEMA_VERSION:
            raise EvalError(f"{records[0]} has schema version {version}; this version reads {SCHEMA_VERSION}")
        record = msgspec.json.decode(content, type=RunRecord)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EvalError(f"{records[0]} is not a Run's record: {error}") from None
    return record


def _read_results(path: Path) -> tuple[SampleResult, ...]:
    decoder = msgspec.json.Decoder(SampleResult)
    results = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            try:
                results.append(decoder.decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise EvalError(f"{path}:{number}: is not a sample's result: {error}") from None
    return tuple(results)
