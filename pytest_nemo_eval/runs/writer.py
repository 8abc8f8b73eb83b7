"""Writes a Run: each sample as it finishes, the record in one piece."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import msgspec

from ..errors import EvalError
from ..scores import SampleResult
from .record import Flip, RunRecord

RESULTS = "results.jsonl"
FLIPS = "flips.jsonl"


class RunWriter:
    """A Run's folder while the benchmark runs.

    A sample's line is handed to the operating system before it counts, so a killed process loses none; the record is
    written beside and renamed, so a reader never sees half of one.
    """

    def __init__(self, folder: Path, record: RunRecord) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=False)
            self._results: BinaryIO = (folder / RESULTS).open("ab", buffering=0)
        except OSError as error:
            raise EvalError(
                f"the Run cannot be written to {folder}: {error.strerror}; --eval-output names another folder"
            ) from None
        self.write_record(record)

    def append(self, result: SampleResult) -> None:
        """Write one sample's line."""
        self._results.write(_encode(result) + b"\n")

    def write_record(self, record: RunRecord) -> Path:
        """Write the record, over an earlier one."""
        return write_record(self.folder, record)

    def close(self) -> None:
        """Flush the samples to disk. Idempotent."""
        if not self._results.closed:
            os.fsync(self._results.fileno())
            self._results.close()


def write_record(folder: Path, record: RunRecord) -> Path:
    """Write a Run's record, over an earlier one; a reader never sees half of it."""
    path = folder / f"eval-{_file_name(record.benchmark.name)}.json"
    _write(path, msgspec.json.format(_encode(record), indent=2) + b"\n")
    return path


def write_flips(folder: Path, flips: Iterable[Flip]) -> None:
    """Write the questions that were lost to baselines or won from them."""
    _write(folder / FLIPS, b"".join(_encode(flip) + b"\n" for flip in flips))


def _write(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def _encode(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # a model may answer with half a surrogate pair, which is not text
        return msgspec.json.encode(_mend(msgspec.to_builtins(value)))


def _mend(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_mend(key): _mend(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mend(item) for item in value]
    return value


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", name)
