"""How often something happened to a reply: shares of each question's repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..scores import Outcome
from .means import question_means


def extraction_failure_rate(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Of scored replies: no answer could be extracted."""
    return question_means(outcomes, lambda outcome: None if outcome.value is None else float(not outcome.extracted))


def truncation_rate(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Of scored replies: it ran into the limit of tokens."""
    return question_means(outcomes, lambda outcome: None if outcome.value is None else float(outcome.truncated))


def error_rate(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Of all samples: it ended in an error."""
    return question_means(outcomes, lambda outcome: float(outcome.value is None))


def empty_reply_rate(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Of scored replies: it has nothing but white space."""
    return question_means(outcomes, lambda outcome: None if outcome.value is None else float(outcome.blank))


def identical_reply_rate(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Of scored replies: it is the most common one, white space at its ends aside.

    1 for a single reply. Which reply is the most common one is taken as known: the interval leaves that choice out.
    """
    digests = Counter(outcome.reply_digest for outcome in outcomes if outcome.value is not None)
    common = digests.most_common(1)[0][0] if digests else 0
    return question_means(
        outcomes, lambda outcome: None if outcome.value is None else float(outcome.reply_digest == common)
    )
