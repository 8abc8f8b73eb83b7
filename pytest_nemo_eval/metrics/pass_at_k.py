"""How often one of k replies passes, and how often all of them do."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from ..scores import Outcome


def repeats(outcomes: Sequence[Outcome]) -> int:
    """How often the most asked question was asked."""
    return max(Counter(outcome.sample_id for outcome in outcomes).values(), default=0)


def pass_at_k(outcomes: Sequence[Outcome], k: int) -> dict[str, float]:
    """Each question's chance that at least one of k replies passes: 1 - C(n-c, k) / C(n, k).

    Unbiased, from n scored replies of which c pass (score 1), in the product form that cannot overflow (Chen et al.
    2021, arXiv 2107.03374). Questions with fewer than k scored replies are left out.
    """
    return {
        question: 1.0 if n - c < k else 1.0 - math.prod(1.0 - k / i for i in range(n - c + 1, n + 1))
        for question, n, c in _passes(outcomes)
        if n >= k
    }


def pass_hat_k(outcomes: Sequence[Outcome], k: int) -> dict[str, float]:
    """Each question's chance that all of k replies pass: C(c, k) / C(n, k) (Yao et al. 2024, arXiv 2406.12045).

    Questions with fewer than k scored replies are left out.
    """
    return {
        question: math.prod(max(0, c - i) / (n - i) for i in range(k)) for question, n, c in _passes(outcomes) if n >= k
    }


def _passes(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, int, int]]:
    """Question, scored replies, replies that pass."""
    values: dict[str, list[float]] = {}
    for outcome in outcomes:
        if outcome.value is not None:
            values.setdefault(outcome.sample_id, []).append(outcome.value)
    for question, scores in values.items():
        yield question, len(scores), sum(score >= 1 for score in scores)
