"""Words: the whole reply, or somewhere in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import ScorerError
from ..samples import Sample
from ..scores import Score

_LEFT = " \"'`([{*_“”‘’«»„¿¡"
_RIGHT = " .,;:!?\"'`)]}*_“”‘’«»…。！？"
_SHOWN = 200
"""Characters of an answer that stand in the Run."""


def alternatives(sample: Sample) -> list[str]:
    """The right answers, normalised: ``large|big`` holds two.

    Raises:
        ScorerError: there is none.
    """
    found = [normal for normal in (normalise(part) for part in sample.target.split("|")) if normal]
    if not found:
        raise ScorerError(f"the target of sample {sample.id} is empty: nothing could be right")
    return found


def normalise(text: str) -> str:
    """Without case, surrounding quotes, brackets and sentence marks, and with single spaces.

    What changes the meaning stays: -5, .5, 5% and C++ are not 5 and C. Text of nothing but marks stays too.
    """
    plain = " ".join(text.casefold().split())
    return plain.removeprefix("- ").lstrip(_LEFT).rstrip(_RIGHT) or plain


@dataclass(frozen=True)
class ExactScorer:
    """Right if the reply is the target, whatever its case and the punctuation around it."""

    name: str = "exact"

    def __call__(self, sample: Sample, reply: str) -> Score:
        """1 for an equal text, else 0; an empty reply is an extraction failure.

        Raises:
            ScorerError: the target is empty.
        """
        wanted = alternatives(sample)
        answer = normalise(reply)
        if not answer:
            return Score(value=0.0, answer=None, explanation="the reply is empty")
        return Score(value=float(answer in wanted), answer=answer[:_SHOWN])


@dataclass(frozen=True)
class IncludesScorer:
    """Right if the target stands in the reply as whole words, whatever its case; 5 does not stand in 15, 3.5 or -5."""

    name: str = "includes"

    def __call__(self, sample: Sample, reply: str) -> Score:
        """1 if the reply holds the target, else 0; an empty reply is an extraction failure.

        Raises:
            ScorerError: the target is empty.
        """
        wanted = alternatives(sample)
        text = " ".join(reply.casefold().split())
        if not text:
            return Score(value=0.0, answer=None, explanation="the reply is empty")
        for words in wanted:
            if words in text and _whole(words).search(text):
                return Score(value=1.0, answer=words[:_SHOWN])
        return Score(value=0.0, answer=text[:_SHOWN])


def _whole(words: str) -> re.Pattern[str]:
    """The words with an end of a word, or of a number, on both sides (where they begin or end with one)."""
    before = r"(?<!\w)" if re.match(r"\w", words) else ""
    if words[0].isdigit():
        before += r"(?<![0-9][.,])(?<!(?<!\w)-)"
    after = r"(?!\w)" if re.match(r"\w", words[-1]) else ""
    if words[-1].isdigit():
        after += r"(?![.,][0-9])"
    return re.compile(before + re.escape(words) + after)


EXACT = ExactScorer()
INCLUDES = IncludesScorer()
