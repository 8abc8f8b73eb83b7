"""What a whole benchmark got through a second; nothing to draw an interval from."""

from __future__ import annotations

from collections.abc import Sequence

from ..scores import SampleResult
from .tokens import counted
from .values import MetricValue


def samples_per_second(results: Sequence[SampleResult], seconds: float) -> MetricValue | None:
    """Scored samples a second of wall time; None where that is not known."""
    scored = sum(result.score is not None for result in results)
    return _rate("samples_per_second", scored, scored, seconds)


def tokens_per_second(results: Sequence[SampleResult], seconds: float) -> MetricValue | None:
    """Tokens of replies a second of wall time; None where either is not known."""
    tokens = [result.usage.completion_tokens for result in results if counted(result)]
    return _rate("tokens_per_second", sum(tokens), len(tokens), seconds) if tokens else None


def _rate(name: str, amount: int, n: int, seconds: float) -> MetricValue | None:
    if seconds <= 0:
        return None
    rate = amount / seconds
    return MetricValue(name, rate, rate, rate, n, "none")
