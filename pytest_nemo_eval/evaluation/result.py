"""What a benchmark came out as, for tests and reports."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

import msgspec

from ..config.settings import GateSettings
from ..errors import ConfigError
from ..gates import GateResult, Verdict
from ..metrics import Measurements, MetricValue, canonical, check_metric
from ..runs import Baseline, Flip, RunRecord, RunStatus, Wanted
from ..runs.baseline import OWN
from ..runs.writer import write_flips, write_record
from ..scores import SampleResult
from ..spool import Spool
from .comparing import Compared, judge_drop
from .gating import Rules, drop_gate, load_baseline
from .recording import gate_record

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
        if holds is False:  # and no NotImplemented
            self.result.unmet = self
        return holds

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return float, (float(self),)  # crosses processes as a plain number


@dataclass(frozen=True, repr=False)
class Judgement:
    """What a test asked of a result: true where it holds."""

    result: BenchmarkResult
    verdict: GateResult

    def __bool__(self) -> bool:
        holds = self.verdict.verdict is Verdict.PASS
        if not holds:
            self.result.unmet = self
        return holds

    def __repr__(self) -> str:
        return f"<{self.result.benchmark}: {self.verdict.verdict.value}: {self.verdict.explanation}>"


@dataclass(repr=False, eq=False)
class BenchmarkResult:
    """A benchmark that was judged: all of it, or the part that a deadline left (``partial``).

    Attributes:
        benchmark: its full name, ``gsm8k:lm-eval``.
        measured: the metrics of these samples.
        results: each of them in order, with reply and score; read from the Run as they are looked at.
        folder: the Run on disk; ``record`` is what its eval-*.json holds.
        gates: the verdicts of the gates that the run was given.
        notes: what a reader should know, such as fewer worked examples than the reference has.
        flips: questions that were lost to a baseline or won from it.
        rules: what the session asks of every benchmark.
        compared: the conditions that its metrics were held against, such as ``accuracy >= 0.55``.
        judgements: what the test asked of it.
        unmet: what of these did not hold, the last of them.
    """

    item: str
    benchmark: str
    model: str
    measured: Measurements
    results: Sequence[SampleResult]
    folder: Path
    record: RunRecord
    gates: tuple[GateResult, ...] = ()
    notes: tuple[str, ...] = ()
    flips: Sequence[Flip] = ()
    rules: Rules = field(default_factory=Rules)
    compared: list[str] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    unmet: Judgement | MeasuredFloat | None = None

    @cached_property
    def metrics(self) -> Mapping[str, MetricValue]:
        """By name; those of categories (``accuracy[law]``) are had with ``result[...]``."""
        return self.measured.table()

    @property
    def accuracy(self) -> MeasuredFloat:
        """The mean score, from 0 to 1."""
        return self["accuracy"]

    @property
    def n(self) -> int:
        """How many questions were scored."""
        return self.metrics["accuracy"].n

    @property
    def partial(self) -> bool:
        """Whether a deadline was over before all samples were finished: what was measured is no verdict."""
        return self.record.status is RunStatus.PARTIAL

    @property
    def errors(self) -> int:
        """How many samples ended in an error."""
        return self.record.counts.errors

    @property
    def extraction_failures(self) -> int:
        """How many replies no answer could be extracted from."""
        return self.record.counts.extraction_failures

    @property
    def truncated(self) -> int:
        """How many replies ran into the limit of tokens."""
        return self.record.counts.truncated

    def __getitem__(self, name: str) -> MeasuredFloat:
        """A metric by name. Raises ConfigError that names the nearest one."""
        return MeasuredFloat.of(self, self.measured.metric(name))

    def __repr__(self) -> str:
        measured = self.metrics["accuracy"]
        return f"<{self.benchmark} on {self.model}: accuracy {measured.value:.4f}, n = {measured.n}>"

    def no_worse_than(
        self,
        baseline: str | Path | BenchmarkResult | None = None,
        max_drop: float = 0.0,
        *,
        metric: str = "accuracy",
        decide_by: str = "evidence",
        confidence: float = 0.95,
        tolerate: Sequence[str] = (),
    ) -> Judgement:
        """Whether a metric is no worse than a baseline's, but for ``max_drop``; question by question.

        Args:
            baseline: a saved name, a folder, or another result; that of the session by default.
            decide_by: ``evidence`` (true only if the whole interval allows it; where it allows both, the test comes
                out as inconclusive), ``bound`` or ``point``.
            tolerate: what may differ between the runs: ``benchmark``, ``data``, ``prompt``, ``parameters``.

        Raises:
            ConfigError: no such baseline, or one that differs in what was not to be tolerated.
        """
        gate = {"max_drop": max_drop, "decide_by": decide_by, "confidence": confidence, "tolerate": list(tolerate)}
        try:
            settings = msgspec.convert(gate, GateSettings)
        except msgspec.ValidationError as error:
            raise ConfigError(f"no_worse_than(...): {error}") from None
        check_metric(metric)
        verdict, beside = judge_drop(
            drop_gate(canonical(metric), settings, self._baseline(baseline)), self.record, self.measured, self.results
        )
        self._keep(verdict, beside)
        return self.judgements[-1]

    def _baseline(self, baseline: str | Path | BenchmarkResult | None) -> Baseline:
        if isinstance(baseline, BenchmarkResult):
            return Baseline(baseline.model, OWN, baseline.folder, baseline.record, tuple(baseline.results))
        benchmark = self.record.benchmark
        item = self.item.rpartition("::")[2]
        wanted = Wanted(benchmark.name, benchmark.variant, item, benchmark.scorer, benchmark.data_fingerprint)
        return load_baseline(baseline, wanted, self.rules)

    def _keep(self, verdict: GateResult, beside: Compared) -> None:
        """What a test asked stands in the Run too, in place of an earlier comparison with the same baseline."""
        self.judgements.append(Judgement(self, verdict))
        self.compared.append(verdict.condition)
        names = {found.baseline_name for found in beside.records}
        others = (flip for flip in self.flips if flip.baseline_name not in names)
        self.flips = Spool.of(chain(others, beside.flips), Flip)
        made = {(found.baseline_name, found.metric) for found in beside.records}
        earlier = [one for one in self.record.comparisons if (one.baseline_name, one.metric) not in made]
        self.record = msgspec.structs.replace(
            self.record,
            gates=(*self.record.gates, gate_record(verdict)),
            comparisons=(*earlier, *beside.records),
        )
        write_flips(self.folder, self.flips)
        write_record(self.folder, self.record)

    def worst(self, count: int = WORST) -> list[SampleResult]:
        """The lowest scored samples, in order.

        Raises:
            EvalError: the Run's samples cannot be read.
        """
        scored = ((outcome.value, index) for index, outcome in enumerate(self.measured.outcomes))
        lowest = heapq.nsmallest(count, ((value, index) for value, index in scored if value is not None and value < 1))
        return [self.results[index] for _, index in lowest]

    def missed(self) -> list[GateResult]:
        """The gates that did not pass."""
        return [gate for gate in self.gates if gate.verdict is not Verdict.PASS]
