"""What a scorer says of one answer, and what became of one sample."""

from __future__ import annotations

import msgspec

from .chat import Usage


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A scorer's word on one answer.

    Attributes:
        value: from 0 (wrong) to 1 (right).
        answer: what was extracted from the reply; None is an extraction failure (its value is 0).
        explanation: one line for whoever reads the report.
    """

    value: float
    answer: str | None
    explanation: str = ""


class SampleResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a Run's ``results.jsonl``: a sample, the reply and its score, or the error.

    Attributes:
        sample_id, repeat: which sample, and which repeat of it, from 0.
        cluster: what its question was drawn together with; "" where questions were drawn one by one.
        prompt: a digest of the text that was asked (``Request.text_digest``), before any interceptor.
        score: None where ``error`` says why.
        reply: the model's words, as the scorer saw them.
        seconds: from sending the request to having the whole answer.
    """

    sample_id: str
    repeat: int = 0
    input: str = ""
    target: str = ""
    category: str = ""
    cluster: str = ""
    prompt: str = ""
    score: Score | None = None
    reply: str = ""
    finish_reason: str | None = None
    usage: Usage = Usage()
    seconds: float = 0.0
    error: str | None = None

    @property
    def truncated(self) -> bool:
        return self.finish_reason == "length"
