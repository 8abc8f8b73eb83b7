"""The mean score."""

from __future__ import annotations

from collections.abc import Sequence

from ..scores import SampleResult
from .means import question_means


def accuracy(results: Sequence[SampleResult]) -> dict[str, float]:
    """Each question's mean score; errored samples are left out."""
    return question_means(results, lambda result: None if result.score is None else result.score.value)
