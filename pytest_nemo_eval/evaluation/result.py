"""What a benchmark came out as, for tests and reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..gates import GateResult, Verdict
from ..metrics import MetricValue
from ..runs import RunRecord
from ..scores import SampleResult

WORST = 5


class MeasuredFloat(float):
    """A metric's value that knows the result it comes from, so that a failed assert can explain itself.

    What it is held against is noted in ``result.compared``: so reports show the threshold of a plain assert.
    """

    result: BenchmarkResult
    metric: MetricValue

    @classmethod
    def of(cls, result: BenchmarkResult, metric: MetricValue) -> MeasuredFloat:
        value = cls(metric.value)
        value.result, value.metric = result, metric
        return value

    def __ge__(self, other: float) -> bool:
        return self._noted(">=", other, super().__ge__(other))

    def __gt__(self, other: float) -> bool:
        return self._noted(">", other, super().__gt__(other))

    def __le__(self, other: float) -> bool:
        return self._noted("<=", other, super().__le__(other))

    def __lt__(self, other: float) -> bool:
        return self._noted("<", other, super().__lt__(other))

    def _noted(self, sign: str, other: float, holds: bool) -> bool:
        condition = f"{self.metric.name} {sign} {other:g}" if isinstance(other, float | int) else ""
        if condition and condition not in self.result.compared:
            self.result.compared.append(condition)
        return holds

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return float, (float(self),)  # crosses processes as a plain number


@dataclass(frozen=True, repr=False)
class BenchmarkResult:
    """A finished benchmark.

    Attributes:
        benchmark: its full name, ``gsm8k:lm-eval``.
        metrics: by name.
        results: every sample in order, with reply and score.
        gates: the verdicts of the gates that the run was given.
        folder: the Run on disk; ``record`` is what its eval-*.json holds.
        notes: what a reader should know, such as fewer worked examples than the reference has.
        compared: the conditions that its metrics were held against by comparisons, such as ``accuracy >= 0.55``.
    """

    item: str
    benchmark: str
    model: str
    metrics: Mapping[str, MetricValue]
    results: Sequence[SampleResult] = field(repr=False)
    folder: Path
    record: RunRecord = field(repr=False)
    gates: tuple[GateResult, ...] = ()
    notes: tuple[str, ...] = ()
    compared: list[str] = field(default_factory=list, repr=False)

    @property
    def accuracy(self) -> MeasuredFloat:
        """The mean score, from 0 to 1."""
        return self["accuracy"]

    @property
    def n(self) -> int:
        """How many questions were scored."""
        return self.metrics["accuracy"].n

    @property
    def errors(self) -> int:
        """How many samples ended in an error."""
        return sum(result.score is None for result in self.results)

    @property
    def extraction_failures(self) -> int:
        """How many replies no answer could be extracted from."""
        return sum(result.score is not None and result.score.answer is None for result in self.results)

    @property
    def truncated(self) -> int:
        """How many replies ran into the limit of tokens."""
        return sum(result.truncated for result in self.results)

    def __getitem__(self, name: str) -> MeasuredFloat:
        """A metric by name. Raises KeyError that names those that exist."""
        if name not in self.metrics:
            raise KeyError(f"{name}: there are {', '.join(self.metrics)}")
        return MeasuredFloat.of(self, self.metrics[name])

    def __repr__(self) -> str:
        measured = self.metrics["accuracy"]
        return f"<{self.benchmark} on {self.model}: accuracy {measured.value:.4f}, n = {measured.n}>"

    def worst(self, count: int = WORST) -> list[SampleResult]:
        """The lowest scored samples, in order."""
        scored = [result for result in self.results if result.score is not None and result.score.value < 1]
        return sorted(scored, key=lambda result: result.score.value if result.score else 0.0)[:count]

    def missed(self) -> list[GateResult]:
        """The gates that did not pass."""
        return [gate for gate in self.gates if gate.verdict is not Verdict.PASS]


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
    worst = result.worst()
    if worst:
        lines += ["lowest scored samples:", *(line for sample in worst for line in _sample_lines(sample))]
    return [*lines, f"Run: {result.folder}"]


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
