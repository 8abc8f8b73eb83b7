"""Outcomes as metrics see them."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_nemo_eval.chat import Usage
from pytest_nemo_eval.scores import Outcome, SampleResult, Score
from tests.shared_data import RECORDED_GSM8K, shared_rows, text


def result(
    sample: object,
    value: float | None,
    repeat: int = 0,
    *,
    answer: str | None = "x",
    reason: str = "stop",
    reply: str = "x",
    category: str = "",
    cluster: str = "",
    tokens: tuple[int, int] = (0, 0),
    seconds: float = 0.0,
    first_token: float = 0.0,
) -> Outcome:
    made = SampleResult(
        sample_id=str(sample),
        repeat=repeat,
        score=None if value is None else Score(value=value, answer=answer),
        finish_reason=reason,
        reply=reply,
        category=category,
        cluster=cluster,
        usage=Usage(*tokens),
        seconds=seconds,
        first_token_seconds=first_token,
    )
    return Outcome.of(made)


def full(n: int = 40) -> list[Outcome]:
    """Questions with all that can be measured, in two categories."""
    return [
        result(
            question,
            float(question % 3 > 0),
            reply=f"reply {question % 5}",
            category="algebra" if question % 4 else "law",
            tokens=(100 + question, 10 * question),
            seconds=1.0 + question,
            first_token=0.5,
        )
        for question in range(n)
    ]


def keyed(*values: float) -> dict[str, float]:
    """Values by question."""
    return {str(index): value for index, value in enumerate(values)}


def recorded_gsm8k() -> Mapping[str, dict[str, float]]:
    """The verdicts of the four recorded models by question; skips the test where they are missing."""
    models: dict[str, dict[str, float]] = {}
    for row in shared_rows(RECORDED_GSM8K):
        correct = row["ref_correct"]
        assert isinstance(correct, int)
        models.setdefault(text(row["model"]), {})[text(row["sample_id"])] = float(correct)
    return models
