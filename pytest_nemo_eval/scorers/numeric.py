"""Numbers: extracted by a reference's rule, compared as numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from ..errors import ScorerError
from ..samples import Sample
from ..scores import Score

_REVERSED_NUMBER = re.compile(r"[$0-9.,]{2,}-?|[0-9]+-?")
_HASHES = re.compile(r"#### (-?[0-9.,]+)")
_ANNOUNCED = re.compile(r"(?:the answer is|answer\s*:)\s*([^\n]+)", re.IGNORECASE)
_NUMBER = re.compile(r"-?\$?(?:[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)")
_LONGEST = 400
"""Characters beyond which nothing is a number that a benchmark asks for."""


@dataclass(frozen=True)
class NumericScorer:
    """Compares the number that ``extract`` finds with the target: 40000 is 40,000 and $40000.00, and 200 is not 2.

    Nothing found, or something that is no number (``$.,``), is an extraction failure.

    Attributes:
        extract: a reply to the text of its number, or None; linear in the reply's length.
    """

    name: str
    extract: Callable[[str], str | None]

    def __call__(self, sample: Sample, reply: str) -> Score:
        """1 for the same number, else 0.

        Raises:
            ScorerError: the target is no number.
        """
        wanted = to_number(sample.target)
        if wanted is None:
            raise ScorerError(f"the target {sample.target[:60]!r} of sample {sample.id} is no number: use scorer exact")
        answer = self.extract(reply)
        if answer is None:
            return Score(value=0.0, answer=None, explanation="no number found")
        found = to_number(answer)
        if found is None:
            return Score(value=0.0, answer=None, explanation=f"{answer[:40]!r} is no number")
        return Score(value=float(found == wanted), answer=answer)


def to_number(text: str) -> Decimal | None:
    """A number as people write it: 40,000 and $40000.00 and 40000. are one; None for what is no number."""
    if len(text) > _LONGEST:
        return None
    try:
        number = Decimal(re.sub(r"[,$%\s]", "", text).rstrip("."))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def last_number(reply: str) -> str | None:
    """The last match of lm-eval's ``(-?[$0-9.,]{2,})|(-?[0-9]+)``, looked for from the end.

    A match is a whole run of these characters, so that the pattern and the reply may be read backwards.
    """
    match = _REVERSED_NUMBER.search(reply[::-1])
    return match[0][::-1] if match else None


def hash_number(reply: str) -> str | None:
    """The first number behind ``####``."""
    match = _HASHES.search(reply)
    return match[1] if match else None


def announced_number(reply: str) -> str | None:
    """The first number of the line behind the first "the answer is" or "answer:"."""
    line = _ANNOUNCED.search(reply)
    number = _NUMBER.search(line[1]) if line else None
    return number[0] if number else None


FLEXIBLE = NumericScorer("numeric", last_number)
"""lm-eval's gsm8k, filter flexible-extract: the last number of the reply."""

STRICT = NumericScorer("numeric-strict", hash_number)
"""lm-eval's gsm8k, filter strict-match: the first number behind ####."""

ANNOUNCED = NumericScorer("numeric-answer-is", announced_number)
"""NeMo Evaluator's gsm8k: what stands behind the first "the answer is" or "answer:".

The original compares the rest of that line as text; this compares its first number, so that "18 dollars" is 18.
"""
