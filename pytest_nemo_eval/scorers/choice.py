"""Multiple choice by letter."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..samples import Sample
from ..scores import Score


@dataclass(frozen=True)
class ChoiceScorer:
    """Compares the first letter that ``pattern`` finds with the target; no match is an extraction failure.

    Attributes:
        pattern: its first group is the letter; linear in the reply's length.
    """

    name: str
    pattern: re.Pattern[str]

    def __call__(self, sample: Sample, reply: str) -> Score:
        """1 for the target's letter, else 0."""
        match = self.pattern.search(reply)
        if match is None:
            return Score(value=0.0, answer=None, explanation="no letter found")
        answer = match[1].upper()
        return Score(value=float(answer == sample.target.strip().upper()), answer=answer)


ANSWER_IS = ChoiceScorer("choice", re.compile(r"answer is \(?([ABCDEFGHIJ])\)?"))
"""lm-eval's mmlu_pro, filter custom-extract: the first "answer is (X)", without a fallback."""

ANSWER_LINE = ChoiceScorer(
    "choice-answer-line",
    re.compile(r"Answer[*_]{0,2}\s*:[\s*_]{0,2}\s*([A-Z])(?![a-zA-Z0-9])", re.IGNORECASE),
)
"""NVIDIA's simple-evals, mmlu_pro: the first "Answer: X". Its optional marks before the word change nothing, and are
left out."""
