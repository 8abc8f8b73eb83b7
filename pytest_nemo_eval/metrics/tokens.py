"""Tokens of a reply, over those whose server counts them."""

from __future__ import annotations

from collections.abc import Sequence

from ..scores import Outcome
from .means import question_means


def counted(outcome: Outcome) -> bool:
    """Whether the server said how many tokens it had."""
    return outcome.prompt_tokens + outcome.completion_tokens > 0


def prompt_tokens(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Tokens of a prompt."""
    return question_means(outcomes, lambda outcome: float(outcome.prompt_tokens) if counted(outcome) else None)


def completion_tokens(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Tokens of a reply."""
    return question_means(outcomes, lambda outcome: float(outcome.completion_tokens) if counted(outcome) else None)
