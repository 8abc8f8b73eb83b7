"""A result in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import BrokenSetupError
from ..metrics import MetricValue
from ..runs import Flip
from ..scores import SampleResult
from .result import BenchmarkResult

LOST = 3


def interval_in_words(metric: MetricValue) -> str:
    """``0.5625 (95 % interval 0.5358 to 0.5893, n = 1319)``."""
    if metric.method == "none":
        return f"{metric.value:.4f} (n = {metric.n})"
    return f"{metric.value:.4f} (95 % interval {metric.ci_lower:.4f} to {metric.ci_upper:.4f}, n = {metric.n})"


def headline(result: BenchmarkResult, metric: MetricValue) -> str:
    """What was measured, in one line."""
    return f"{result.benchmark} on {result.model}: {metric.name} is {interval_in_words(metric)}"


def explain(result: BenchmarkResult) -> list[str]:
    """What stands behind a score: counts, the worst samples, and where the Run is."""
    failures, errors, truncated = result.extraction_failures, result.errors, result.truncated
    lines = [
        f"answers that could not be extracted: {failures}, errored samples: {errors}, truncated replies: {truncated}",
        *result.notes,
    ]
    lines += [f"warning: {gate.warning}" for gate in result.gates if gate.warning]
    for judgement in result.judgements:
        if not judgement:
            lines.append(f"{judgement.verdict.verdict.value}: {judgement.verdict.explanation}")
    lines += _flip_lines(result.flips)
    worst = result.worst()
    if worst:
        lines += ["lowest scored samples:", *(line for sample in worst for line in _sample_lines(sample))]
    return [*lines, f"Run: {result.folder}"]


def _flip_lines(flips: Sequence[Flip]) -> list[str]:
    """The first questions that were lost to a baseline."""
    lost = [index for index, flip in enumerate(flips) if flip.change == "lost"]
    first = [flips[index] for index in lost[:LOST]]
    lines = [f"lost to {first[0].baseline_name} ({len(lost)} questions; all are in flips.jsonl):"] if lost else []
    for flip in first:
        before, after = (
            "nothing extracted" if answer is None else _short(answer, 40)
            for answer in (flip.baseline_answer, flip.answer)
        )
        lines.append(f"  [{_short(flip.sample_id, 60)[1:-1]}] {_short(flip.input, 100)}")
        lines.append(f"      wanted {_short(flip.target, 40)}, had {before}, has {after}")
    return lines


def _sample_lines(result: SampleResult) -> Iterator[str]:
    got = result.score.answer if result.score else None
    answer = "nothing could be extracted" if got is None else f"got {_short(got, 60)}"
    yield f"  [{_short(result.sample_id, 60)[1:-1]}] {_short(result.input, 120)}"
    yield f"      wanted {_short(result.target, 60)}, {answer}; the reply ends: {_short(result.reply, 120, tail=True)}"


def _short(text: str, length: int, tail: bool = False) -> str:
    """One printable line: what a model writes may hold anything."""
    part = text[-4 * length :] if tail else text[: 4 * length]
    line = " ".join("".join(c if c.isprintable() else " " for c in part).split())
    if len(line) <= length:
        return repr(line)
    return repr("..." + line[-length:]) if tail else repr(line[:length] + "...")


def broken_setup(result: BenchmarkResult) -> BrokenSetupError:
    """Why a result is no verdict on the model."""
    first = headline(result, result.metrics["accuracy"])
    return BrokenSetupError(
        "\n".join(
            [
                f"{first}, which says nothing of the model: the set-up looks broken",
                *(f"- {fault}" for fault in result.record.faults),
                "If it is as it should be, set other bounds with validity: {FAULT: SHARE, or false}",
                f"Run: {result.folder}",
            ]
        )
    )
