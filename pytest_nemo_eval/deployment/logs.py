"""What a server's log has to tell."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..server import LogHint

LINES = 15
LONGEST_LINE = 400
TAIL_BYTES = 256 * 1024
_ESCAPES = re.compile(r"\x1b\[[0-9;?]{0,20}[ -/]{0,4}[@-~]")
_TELLING = re.compile(r"(?i)\berror\b|exception|Error:|cannot |failed|fatal|unrecognized")


class LogTail:
    """Reads a log as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = 0
        self._rest = b""

    def new_lines(self) -> list[str]:
        """The whole lines since the last call."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._position)
                data = file.read(TAIL_BYTES)
        except OSError:
            return []
        self._position += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-TAIL_BYTES:]
        return [clean(line.decode("utf-8", "replace")) for line in lines]


def clean(line: str) -> str:
    """A log line without colours and control characters, at most 400 characters."""
    text = "".join(c if c.isprintable() else " " for c in _ESCAPES.sub("", line[: 4 * LONGEST_LINE])).rstrip()
    return text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 3] + "..."


def telling_lines(path: Path, hints: Sequence[LogHint]) -> tuple[list[str], str]:
    """The lines of a log that say what went wrong, and the advice of the first hint that one of them matches.

    The last lines are not always the cause: those that match a hint or look like an error go first.
    """
    lines = _tail(path)
    advice = next((hint.advice for hint in hints if any(hint.text in line for line in lines)), "")
    hinted = [line for line in lines if any(hint.text in line for hint in hints)][:3]
    telling = [line for line in lines if _TELLING.search(line) and line not in hinted]
    chosen = {*hinted, *telling[-6:], *lines[-6:]}
    return [line for line in dict.fromkeys(lines) if line in chosen][-LINES:], advice


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line for line in map(clean, text.splitlines()) if line.strip()]
