"""Writes a Run: each sample as it finishes, the record in one piece."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import msgspec

from ..errors import StorageError
from ..scores import SampleResult
from .journal import Journal, write_whole
from .record import Flip, RunRecord

RESULTS = "results.jsonl"
FLIPS = "flips.jsonl"


class RunWriter:
    """A Run's folder while the benchmark runs.

    An answer is handed to the operating system before it counts, so a killed process loses none; the record is written
    beside and renamed, so a reader never sees half of one.

    Attributes:
        journal: of the answers.
        offsets: where each sample's line begins in ``results.jsonl``, in bytes, by the place that ``append`` was given.

    Raises:
        StorageError: the folder cannot be made or written to.
    """

    def __init__(self, folder: Path, record: RunRecord, places: int) -> None:
        self.folder = folder
        self._path = folder / RESULTS
        self.offsets = array("q", [-1]) * places
        self._end = 0
        with contextlib.ExitStack() as undo:
            try:
                folder.mkdir(parents=True, exist_ok=False)
                undo.callback(shutil.rmtree, folder, ignore_errors=True)
                self._results: BinaryIO = undo.enter_context(self._path.open("ab", buffering=0))
            except OSError as error:
                raise StorageError(
                    f"the Run cannot be written to {folder}: {error.strerror}; --eval-output names another folder"
                ) from None
            self.write_record(record)
            self.journal = Journal(folder)
            undo.pop_all()

    def append(self, result: SampleResult, place: int) -> None:
        """Write one sample's line; a later line of the same sample counts instead of an earlier one.

        Raises:
            StorageError: the disk is full, say.
        """
        line = _encode(result) + b"\n"
        write_whole(self._results.fileno(), line, self._path)
        self.offsets[place] = self._end
        self._end += len(line)

    def write_record(self, record: RunRecord) -> Path:
        """Write the record, over an earlier one.

        Raises:
            StorageError: the disk is full, say; the earlier one stays.
        """
        try:
            os.fsync(self._results.fileno())  # a record must not outlive the samples that it tells of
        except OSError as error:
            raise StorageError(f"{self._path} cannot be written: {error.strerror}") from None
        return write_record(self.folder, record)

    def sync(self) -> None:
        """Hand the journal to the disk, from any thread; results can be made again.

        Raises:
            StorageError: it cannot be written.
        """
        self.journal.sync()

    def close(self) -> None:
        """Sync the answers, and close all. Idempotent."""
        self.journal.close()
        self._results.close()

    def discard(self) -> None:
        """Close all, and leave nothing behind."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def write_record(folder: Path, record: RunRecord) -> Path:
    """Write a Run's record, over an earlier one; a reader never sees half of it."""
    path = folder / f"eval-{_file_name(record.benchmark.name)}.json"
    _write(path, msgspec.json.format(_encode(record), indent=2) + b"\n")
    return path


def write_flips(folder: Path, flips: Iterable[Flip]) -> None:
    """Write the questions that were lost to baselines or won from them."""
    _write(folder / FLIPS, b"".join(_encode(flip) + b"\n" for flip in flips))


def _write(path: Path, content: bytes) -> None:
    new = path.with_name(f".new-{path.name}")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        raise StorageError(f"{path} cannot be written: {error.strerror}; an earlier one stays as it was") from None


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
