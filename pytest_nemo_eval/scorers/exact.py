"""Words: the whole reply, or somewhere in it."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

from ..samples import Sample
from ..scores import Score

_EDGES = string.whitespace + string.punctuation


def alternatives(target: str) -> list[str]:
    """The right answers: ``large|big`` holds two."""
    return [part for part in (_normal(part) for part in target.split("|")) if part]


def _normal(text: str) -> str:
    return " ".join(text.casefold().split()).strip(_EDGES)


@dataclass(frozen=True)
class ExactScorer:
    """Right if the reply is the target, whatever its case and the punctuation around it."""

    name: str = "exact"

    def __call__(self, sample: Sample, reply: str) -> Score:
        answer = _normal(reply)
        if not answer:
            return Score(value=0.0, answer=None, explanation="the reply holds no word")
        return Score(value=float(answer in alternatives(sample.target)), answer=answer[:200])


@dataclass(frozen=True)
class IncludesScorer:
    """Right if the target stands in the reply as whole words, whatever its case."""

    name: str = "includes"

    def __call__(self, sample: Sample, reply: str) -> Score:
        text = " ".join(reply.casefold().split())
        if not text:
            return Score(value=0.0, answer=None, explanation="the reply is empty")
        for wanted in alternatives(sample.target):
            if re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text):
                return Score(value=1.0, answer=wanted)
        return Score(value=0.0, answer=text[:200])


EXACT = ExactScorer()
INCLUDES = IncludesScorer()
