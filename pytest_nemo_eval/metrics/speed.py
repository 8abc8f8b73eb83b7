"""What a whole benchmark got through a second; nothing to draw an interval from."""

from __future__ import annotations

from collections.abc import Sequence

from ..scores import Outcome
from .tokens import counted
from .values import MetricValue


def samples_per_second(outcomes: Sequence[Outcome], seconds: float) -> MetricValue | None:
    """Scored samples a second of wall time; None where that is not known."""
    scored = sum(outcome.value is not None for outcome in outcomes)
    return _rate("samples_per_second", scored, scored, seconds)


def tokens_per_second(outcomes: Sequence[Outcome], seconds: float) -> MetricValue | None:
    """Tokens of replies a second of wall time; None where either is not known."""
    tokens = [outcome.completion_tokens for outcome in outcomes if counted(outcome)]
    return _rate("tokens_per_second", sum(tokens), len(tokens), seconds) if tokens else None


def _rate(name: str, amount: int, n: int, seconds: float) -> MetricValue | None:
    if seconds <= 0:
        return None
    rate = amount / seconds
    return MetricValue(name, rate, rate, rate, n, "none")
