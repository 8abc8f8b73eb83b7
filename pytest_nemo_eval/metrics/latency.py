"""Seconds from sending a request to its reply, the first piece of it or all, over samples that have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..scores import Outcome
from .means import question_means
from .quantiles import order_interval, quantile
from .questions import unit_count
from .values import Method, MetricValue

Clock = Callable[[Outcome], float]
"""A time of a reply in seconds; 0 where it has none."""


def reply_seconds(outcome: Outcome) -> float:
    """Until the whole reply was there."""
    return outcome.seconds


def first_token_seconds(outcome: Outcome) -> float:
    """Until the first piece of a streamed reply was there."""
    return outcome.first_token_seconds


def latency_mean(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Seconds of a reply."""
    return question_means(outcomes, lambda outcome: outcome.seconds or None)


def first_token_mean(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Seconds to the first piece of a streamed reply."""
    return question_means(outcomes, lambda outcome: outcome.first_token_seconds or None)


def seconds_percentile(
    name: str,
    outcomes: Sequence[Outcome],
    clock: Clock,
    share: float,
    clusters: Mapping[str, str],
    confidence: float,
) -> MetricValue | None:
    """A percentile over all replies that the clock timed, in seconds; None without any.

    The interval is one of order statistics, in which a question with its repeats, or a cluster, counts as one draw.
    """
    timed = [(seconds, outcome.sample_id) for outcome in outcomes if (seconds := clock(outcome)) > 0]
    if not timed:
        return None
    ordered = sorted(seconds for seconds, _ in timed)
    questions = {question for _, question in timed}
    value = quantile(ordered, share)
    found = order_interval(ordered, unit_count(questions, clusters), share, confidence)
    lower, upper = found or (value, value)
    method: Method = "order" if found else "none"
    return MetricValue(name, value, lower, upper, len(questions), method, confidence=confidence)
