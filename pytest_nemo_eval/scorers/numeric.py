"""Numbers: extracted by a reference's rule, compared as numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from ..samples import Sample
from ..scores import Score

_NUMBER = re.compile(r"-?[$0-9.,]{2,}|-?[0-9]+")
_LONGEST = 400
"""Digits beyond which nothing is a number that a benchmark asks for."""


@dataclass(frozen=True)
class NumericScorer:
    """Compares the number that ``pattern`` finds with the target.

    Attributes:
        pattern: its first group is the answer; linear in the reply's length.
        last: take the last match instead of the first.
    """

    name: str
    pattern: re.Pattern[str]
    last: bool

    def __call__(self, sample: Sample, reply: str) -> Score:
        answer = self._extract(reply)
        if answer is None:
            return Score(value=0.0, answer=None, explanation="no number found")
        found, wanted = to_number(answer), to_number(sample.target)
        right = found == wanted if found is not None and wanted is not None else answer.strip() == sample.target.strip()
        return Score(value=float(right), answer=answer)

    def _extract(self, reply: str) -> str | None:
        found = None
        for match in self.pattern.finditer(reply):
            found = match[match.lastindex or 0].strip()
            if not self.last:
                break
        return found or None


def to_number(text: str) -> Decimal | None:
    """A number as people write it: 40,000 and $40000.00 and 40000. are one; None for what is no number."""
    cleaned = re.sub(r"[,$%\s]", "", text[:_LONGEST]).rstrip(".")
    try:
        number = Decimal(cleaned)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


FLEXIBLE = NumericScorer("numeric", _NUMBER, last=True)
"""lm-eval's gsm8k, filter flexible-extract: the last number of the reply."""

STRICT = NumericScorer("numeric-strict", re.compile(r"#### (-?[0-9.,]+)"), last=False)
"""lm-eval's gsm8k, filter strict-match: the first number behind ####."""

ANSWER_IS = NumericScorer(
    "numeric-answer-is",
    re.compile(r"(?i)(?:the answer is|answer[ \t]*:)[^\n0-9$.,-]{0,40}(-?[$0-9.,]*[0-9][$0-9.,]*)"),
    last=False,
)
"""NeMo Evaluator's gsm8k: the first number behind "the answer is" or "answer:"."""
