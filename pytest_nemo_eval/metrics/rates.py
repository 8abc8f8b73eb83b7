"""How often something happened to a reply: shares of each question's repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..scores import SampleResult
from .means import question_means


def extraction_failure_rate(results: Sequence[SampleResult]) -> dict[str, float]:
    """Of scored replies: no answer could be extracted."""
    return question_means(results, lambda result: None if result.score is None else float(result.score.answer is None))


def truncation_rate(results: Sequence[SampleResult]) -> dict[str, float]:
    """Of scored replies: it ran into the limit of tokens."""
    return question_means(results, lambda result: None if result.score is None else float(result.truncated))


def error_rate(results: Sequence[SampleResult]) -> dict[str, float]:
    """Of all samples: it ended in an error."""
    return question_means(results, lambda result: float(result.score is None))


def empty_reply_rate(results: Sequence[SampleResult]) -> dict[str, float]:
    """Of scored replies: it has nothing but white space."""
    return question_means(results, lambda result: None if result.score is None else float(not result.reply.strip()))


def identical_reply_rate(results: Sequence[SampleResult]) -> dict[str, float]:
    """Of scored replies: it is the most common one, white space at its ends aside.

    1 for a single reply. Which reply is the most common one is taken as known: the interval leaves that choice out.
    """
    replies = Counter(result.reply.strip() for result in results if result.score is not None)
    common = replies.most_common(1)[0][0] if replies else ""
    return question_means(
        results, lambda result: None if result.score is None else float(result.reply.strip() == common)
    )
