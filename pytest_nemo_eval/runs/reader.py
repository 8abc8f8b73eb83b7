"""Reads a Run."""

from __future__ import annotations

import os
import threading
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import msgspec

from ..errors import EvalError
from ..scores import SampleResult
from .record import SCHEMA_VERSION, RunRecord
from .writer import RESULTS

_CHUNK = 8192
"""Bytes of a line that are read at first; then twice as many, and so on."""


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
    for number, line in enumerate(_whole_lines(path), 1):
        try:
            results.append(decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise EvalError(f"{path}:{number}: is not a sample's result: {error}") from None
    return tuple(results)


class ResultFile(Sequence[SampleResult]):
    """The samples in a ``results.jsonl``, each read when it is looked at; of none is anything kept.

    It may be read from several threads. The file is opened at the first look and stays open; a Run that is moved away
    after that is still read.

    Args:
        path: the file.
        offsets: where each sample's line begins, in bytes, in the order that the samples are to have.
    """

    def __init__(self, path: Path, offsets: array[int]) -> None:
        self.path = path
        self._offsets = offsets
        self._decoder = msgspec.json.Decoder(SampleResult)
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def __len__(self) -> int:
        return len(self._offsets)

    @overload
    def __getitem__(self, index: int) -> SampleResult: ...

    @overload
    def __getitem__(self, index: slice) -> list[SampleResult]: ...

    def __getitem__(self, index: int | slice) -> SampleResult | list[SampleResult]:
        """Raises IndexError, or EvalError for a file that is gone or was changed."""
        if isinstance(index, slice):
            return [self._read(offset) for offset in self._offsets[index]]
        return self._read(self._offsets[index])

    def __iter__(self) -> Iterator[SampleResult]:
        return map(self._read, self._offsets)

    def __repr__(self) -> str:
        return f"<{len(self)} samples in {self.path}>"

    def _read(self, offset: int) -> SampleResult:
        try:
            line = _line_at(self._open(), offset)
            return self._decoder.decode(line)
        except OSError as error:
            raise EvalError(f"the Run's samples cannot be read from {self.path}: {error.strerror}") from None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise EvalError(f"{self.path} was changed: at byte {offset} is no sample's result: {error}") from None

    def _open(self) -> int:
        with self._lock:
            if self._descriptor is None:
                self._descriptor = os.open(self.path, os.O_RDONLY)
                weakref.finalize(self, os.close, self._descriptor)
            return self._descriptor


def _line_at(descriptor: int, offset: int) -> bytes:
    """The line that begins there, without its end."""
    parts: list[bytes] = []
    size = _CHUNK
    while part := os.pread(descriptor, size, offset):
        line, end, _ = part.partition(b"\n")
        parts.append(line)
        if end:
            break
        offset += len(part)
        size *= 2
    return b"".join(parts)


class _Key(msgspec.Struct):
    """Which sample a line is of."""

    sample_id: str
    repeat: int = 0


def index_results(path: Path) -> ResultFile:
    """The samples of a file in the order in which they finished, after one pass over it.

    Of a sample that has several lines the last one counts, in the first one's place; a last line that was cut off is
    left out.

    Raises:
        EvalError: the file cannot be read.
    """
    return ResultFile(path, array("q", _offsets(path).values()))


def results_in_order(path: Path, keys: Iterable[tuple[str, int]]) -> ResultFile:
    """The same in the order of (sample id, repeat) that is given.

    Raises:
        EvalError: the file cannot be read, or has no such sample.
    """
    offsets = _offsets(path)
    try:
        return ResultFile(path, array("q", (offsets[key] for key in keys)))
    except KeyError as error:
        raise EvalError(f"{path} has no result of sample and repeat {error}") from None


def _offsets(path: Path) -> dict[tuple[str, int], int]:
    """Where the last line of each sample and repeat begins."""
    decoder = msgspec.json.Decoder(_Key)
    found: dict[tuple[str, int], int] = {}
    offset = 0
    for line in _whole_lines(path):
        try:
            key = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise EvalError(f"{path}: at byte {offset} is no sample's result: {error}") from None
        found[key.sample_id, key.repeat] = offset
        offset += len(line)
    return found


def _whole_lines(path: Path) -> Iterator[bytes]:
    """All lines but one that was cut off."""
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except OSError as error:
        raise EvalError(f"the Run's samples cannot be read from {path}: {error.strerror}") from None
