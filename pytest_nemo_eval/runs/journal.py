"""The answers of a Run as the endpoint gave them, so that none has to be asked for twice.

``journal.jsonl`` stands beside ``results.jsonl``: results are what interceptors and the scorer made of an answer, and
can be made again; answers cost a model call.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from ..chat import Request, Response
from ..errors import StorageError

JOURNAL = "journal.jsonl"
_OFFSET_BITS = 48


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: an answer.

    Attributes:
        key: of the request (``request_key``).
        sample_id, repeat: what asked.
        prompt: a digest of the text that the model was given.
        at: seconds of the Run's own time when it came in.
    """

    key: str
    sample_id: str
    repeat: int = 0
    prompt: str = ""
    at: float = 0.0
    response: Response


_decoder = msgspec.json.Decoder(Entry)


def request_key(request: Request, identity: str, model_id: str) -> str:
    """32 hex digits over everything that could change an answer: who is asked, and the whole request.

    Args:
        identity: of the endpoint, the model with its weights, and the benchmark's version.
    """
    asked = (
        identity,
        request.protocol.path,
        request.body(model_id),
        dict(request.headers),
        request.sample_id,
        request.repeat,
    )
    try:
        content = msgspec.json.encode(asked, order="sorted")
    except UnicodeEncodeError:  # half a surrogate pair in a question
        content = repr(asked).encode("utf-8", "backslashreplace")
    return hashlib.sha256(content).hexdigest()[:32]


class Journal:
    """Writes answers as they come in; one process at a time.

    Raises:
        StorageError: the folder cannot be written to, or another process writes there.
    """

    def __init__(self, folder: Path) -> None:
        self._path = path = folder / JOURNAL
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error.strerror}") from None
        if not _lock(self._file):
            os.close(self._file)
            raise StorageError(f"{path} is being written by another pytest")
        self._unsynced = False

    def append(self, entry: Entry) -> None:
        """Hand an answer to the operating system: a killed process loses none.

        Raises:
            StorageError: the disk is full, say.
        """
        write_whole(self._file, msgspec.json.encode(entry) + b"\n", self._path)
        self._unsynced = True

    def sync(self) -> None:
        """Hand what was written to the disk; from any thread.

        Raises:
            StorageError: it cannot be written.
        """
        if self._unsynced:
            self._unsynced = False
            try:
                os.fsync(self._file)
            except OSError as error:
                raise StorageError(f"{self._path} cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """Let others read. Idempotent."""
        if self._file >= 0:
            with contextlib.suppress(StorageError):
                self.sync()
            file, self._file = self._file, -1
            os.close(file)


class Answers:
    """What earlier Runs were answered, by the key of the request; texts stay on disk.

    Args:
        folders: of Runs, a later one's answers before an earlier one's. A Run that another process holds is left out.

    Attributes:
        taken: how many answers were taken.
        at: the latest of their times, in seconds of their Runs' own.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.taken = 0
        self.at = 0.0
        self._used: set[int] = set()
        self._folders: list[Path] = []
        self._files: list[int] = []
        self._places: dict[str, int] = {}
        for folder in folders:
            self._read(folder)

    def __len__(self) -> int:
        return len(self._places)

    def take(self, key: str) -> Response | None:
        """The answer to a request, once; None where there is none."""
        place = self._places.pop(key, None)
        if place is None:
            return None
        index = place >> _OFFSET_BITS
        entry = read_entry(self._files[index], place & ((1 << _OFFSET_BITS) - 1))
        self._used.add(index)
        self.taken += 1
        self.at = max(self.at, entry.at)
        return entry.response

    @property
    def used(self) -> list[Path]:
        """The Runs that answers were taken from."""
        return [self._folders[index] for index in sorted(self._used)]

    def close(self) -> None:
        """Close the journals. Idempotent."""
        self._places.clear()
        while self._files:
            os.close(self._files.pop())

    def _read(self, folder: Path) -> None:
        try:
            file = os.open(folder / JOURNAL, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        if not _lock(file):
            os.close(file)
            return
        index = len(self._files)
        self._files.append(file)
        self._folders.append(folder)
        for offset, entry in read_entries(folder / JOURNAL):
            self._places[entry.key] = (index << _OFFSET_BITS) | offset


def read_entries(path: Path) -> Iterator[tuple[int, Entry]]:
    """Each answer of a journal with its place in bytes; lines that were cut off are left out."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                if line.endswith(b"\n"):
                    yield offset, _decoder.decode(line)
            offset += len(line)


def read_entry(file: int, offset: int) -> Entry:
    """The answer at a place of an open journal."""
    return _decoder.decode(read_line(file, offset))


def read_line(file: int, offset: int) -> bytes:
    """The line that begins at ``offset``, without its end."""
    content, size = b"", 16_384
    while b"\n" not in content:
        more = os.pread(file, size, offset + len(content))
        if not more:
            break
        content, size = content + more, 2 * size
    return content.partition(b"\n")[0]


def write_whole(file: int, content: bytes, path: Path) -> None:
    """Write all of it, however much a disk takes at once.

    Raises:
        StorageError: it cannot be written to ``path``.
    """
    try:
        while content:
            content = content[os.write(file, content) :]
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror} (make room, and run the same command again: it goes on from "
            "what is finished)"
        ) from None


def _lock(file: int) -> bool:
    """Whether nobody else holds this file; true where the file system knows no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
