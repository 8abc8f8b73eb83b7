"""The options of a multiple-choice question, as a list or as the text that a table makes of one."""

from __future__ import annotations

import ast
import re

from ..chat import Json, decode_json
from ..datasets.files import Row
from ..errors import DatasetError
from .base import as_text

LETTERS = "ABCDEFGHIJ"
_LONGEST = 50_000
_STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_LIST = re.compile(rf"\[\s*(?:{_STRING})(?:[\s,]+(?:{_STRING}))*\s*\]", re.DOTALL)


def read_options(row: Row, index: int) -> tuple[str, ...]:
    """The options of a row, out of ``options`` or the columns A to J; none where it has neither, but a prompt.

    Raises:
        DatasetError: none and no prompt, or what is no list of one to ten texts.
    """
    options = row.get("options")
    if isinstance(options, str):
        options = _parse(options)
    if options is None:
        options = _columns(row)
        if not options and row.get("prompt") is not None:
            return ()
    if not isinstance(options, list) or not 0 < len(options) <= len(LETTERS):
        shown = str(row.get("options") or "nothing")[:60]
        raise DatasetError(
            f"row {index + 1}: options should be a list of one to ten texts (in CSV as JSON, or in columns A, B, C, "
            f"...), not {shown}; a prompt that holds them is the column prompt"
        )
    return tuple(as_text(option, f"row {index + 1}: an option") for option in options)


def _columns(row: Row) -> list[Json]:
    found = [row.get(letter) for letter in LETTERS]
    while found and found[-1] in (None, ""):
        found.pop()
    return found


def _parse(text: str) -> Json:
    """A list as JSON, or as Python or numpy print one of texts, which is what pandas writes; else None or the like."""
    try:
        return decode_json(text.encode("utf-8", "replace"))
    except ValueError:
        pass
    if len(text) > _LONGEST or not _LIST.fullmatch(text.strip()):
        return text or None
    try:
        words = [ast.literal_eval(word) for word in re.findall(_STRING, text, re.DOTALL)]
        return [word.encode("utf-8", "replace").decode() for word in words]
    except (ValueError, SyntaxError):
        return text
