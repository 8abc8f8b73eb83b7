"""Multiple choice by letter."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..samples import Sample
from ..scores import Score


@dataclass(frozen=True)
class ChoiceScorer:
    """Compares the first letter that ``pattern`` finds with the target; no match is an extraction failure."""

    name: str
    pattern: re.Pattern[str]

    def __call__(self, sample: Sample, reply: str) -> Score:
        match = self.pattern.search(reply)
        if match is None:
            return Score(value=0.0, answer=None, explanation="no letter found")
        answer = match[1].upper()
        return Score(value=float(answer == sample.target.strip().upper()), answer=answer)


ANSWER_IS = ChoiceScorer("choice", re.compile(r"answer is \(?([ABCDEFGHIJ])\)?"))
"""lm-eval's mmlu_pro, filter custom-extract."""

ANSWER_LINE = ChoiceScorer(
    "choice-answer-line",
    re.compile(r"(?i)[*_]{0,2}Answer[*_]{0,2}[ \t]{0,20}:[\s*_]{0,20}([A-Z])(?![a-zA-Z0-9])"),
)
"""NVIDIA's simple-evals, mmlu_pro: the first "Answer: X"."""
