"""Tokens of a reply, over those whose server counts them."""

from __future__ import annotations

from collections.abc import Sequence

from ..scores import SampleResult
from .means import question_means


def counted(result: SampleResult) -> bool:
    """Whether the server said how many tokens it had."""
    return result.usage.prompt_tokens + result.usage.completion_tokens > 0


def prompt_tokens(results: Sequence[SampleResult]) -> dict[str, float]:
    """Tokens of a prompt."""
    return question_means(results, lambda result: float(result.usage.prompt_tokens) if counted(result) else None)


def completion_tokens(results: Sequence[SampleResult]) -> dict[str, float]:
    """Tokens of a reply."""
    return question_means(results, lambda result: float(result.usage.completion_tokens) if counted(result) else None)
