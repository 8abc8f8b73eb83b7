"""Many values, of which only the first few stay in memory."""

from __future__ import annotations

import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from os import pread, pwrite
from typing import IO, Generic, TypeVar, overload

import msgspec

from .errors import EvalError

IN_MEMORY = 1_000_000
"""Bytes, as they are encoded, that stay in memory as they are; what comes after them goes to disk."""

T = TypeVar("T", bound=msgspec.Struct)


class Spool(Sequence[T], Generic[T]):
    """A sequence of structs that only grows, in a temporary file without a name that goes with the process.

    A value is read and decoded each time that it is looked at, and several threads may look. What a field of any JSON
    holds should be JSON: a time comes back as its text. A value that MessagePack does not know (an integer beyond 64
    bits, half a surrogate pair) stays in memory.

    Args:
        kind: the struct.
    """

    def __init__(self, kind: type[T]) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._first: list[T] = []
        self._odd: dict[int, T] = {}
        self._size = 0
        self._ends = array("q", [0])
        self._file: IO[bytes] | None = None

    @classmethod
    def of(cls, items: Iterable[T], kind: type[T]) -> Spool[T]:
        """All of these, taken one after the other. Raises EvalError as ``append``."""
        spool = cls(kind)
        for item in items:
            spool.append(item)
        return spool

    def append(self, item: T) -> None:
        """Add one.

        Raises:
            EvalError: there is no room on disk.
        """
        try:
            content = self._encoder.encode(item)
        except (TypeError, OverflowError, UnicodeEncodeError):
            content = b""
            self._odd[len(self)] = item
        if self._file is None:
            self._size += len(content)
            if self._size <= IN_MEMORY:
                self._first.append(item)
                return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile("wb", buffering=0)  # noqa: SIM115  # closed with the Spool
                weakref.finalize(self, self._file.close)
            self._write(self._file, content)
        except OSError as error:
            raise EvalError(
                f"what does not stay in memory cannot be kept in a file in {tempfile.gettempdir()}: {error.strerror}; "
                "make room there, or set TMPDIR to a folder that has some"
            ) from None
        self._ends.append(self._ends[-1] + len(content))

    def _write(self, file: IO[bytes], content: bytes) -> None:
        """At the end, and over what an earlier write left half done."""
        start = self._ends[-1]
        while content:
            written = pwrite(file.fileno(), content, start)
            start, content = start + written, content[written:]

    def __len__(self) -> int:
        return len(self._first) + len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        where = range(len(self))[index]
        return self._read(where) if isinstance(where, int) else [self._read(one) for one in where]

    def __iter__(self) -> Iterator[T]:
        return map(self._read, range(len(self)))

    def __repr__(self) -> str:
        return f"<Spool of {len(self)}>"

    def _read(self, index: int) -> T:
        if index < len(self._first):
            return self._first[index]
        if self._file is None or index in self._odd:
            return self._odd[index]
        place = index - len(self._first)
        start, end = self._ends[place], self._ends[place + 1]
        return self._decoder.decode(pread(self._file.fileno(), end - start, start))
