"""What a scorer says of one answer, what became of one sample, and what of that metrics look at."""

from __future__ import annotations

import hashlib
import sys

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
        first_token_seconds: to having the first piece of it; 0 where the reply was not streamed.
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
    first_token_seconds: float = 0.0
    error: str | None = None

    @property
    def truncated(self) -> bool:
        return self.finish_reason == "length"


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A SampleResult without its texts: what metrics, gates and counts need of it, in about 400 bytes.

    Attributes:
        sample_id, repeat, category, cluster, prompt, seconds, first_token_seconds: as of the SampleResult.
        value: of the score; None where the sample ended in an error or could not be scored.
        extracted: the scorer found an answer.
        blank: the reply is nothing but white space.
        reply_digest, target_digest: equal for equal texts, white space at the reply's ends aside; the same in every
            process.
    """

    sample_id: str
    repeat: int = 0
    category: str = ""
    cluster: str = ""
    prompt: str = ""
    value: float | None = None
    extracted: bool = False
    truncated: bool = False
    blank: bool = False
    reply_digest: int = 0
    target_digest: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    first_token_seconds: float = 0.0

    @classmethod
    def of(cls, result: SampleResult) -> Outcome:
        """What is left of a result."""
        reply = result.reply.strip()
        return cls(
            sample_id=result.sample_id,
            repeat=result.repeat,
            category=sys.intern(result.category),
            cluster=sys.intern(result.cluster),
            prompt=result.prompt,
            value=None if result.score is None else float(result.score.value),
            extracted=result.score is not None and result.score.answer is not None,
            truncated=result.truncated,
            blank=not reply,
            reply_digest=digest_number(reply),
            target_digest=digest_number(result.target),
            prompt_tokens=result.usage.prompt_tokens,
            completion_tokens=result.usage.completion_tokens,
            seconds=result.seconds,
            first_token_seconds=result.first_token_seconds,
        )


def digest_number(text: str) -> int:
    """64 bits that tell texts apart, the same in every process.

    Half a surrogate pair counts as the question mark that a Run has in its place.
    """
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")
