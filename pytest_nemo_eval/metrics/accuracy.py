"""The mean score."""

from __future__ import annotations

from collections.abc import Sequence

from ..scores import Outcome
from .means import question_means


def accuracy(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Each question's mean score; errored samples are left out."""
    return question_means(outcomes, lambda outcome: outcome.value)
