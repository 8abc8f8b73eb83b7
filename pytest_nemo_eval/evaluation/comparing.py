"""A run beside its baselines: which answers belong together, and which questions were lost and won."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from ..endpoint import Protocol
from ..gates import Drop, Gate, GateResult, noise_of
from ..metrics import Comparison, Measurements, compare
from ..metrics.accuracy import accuracy
from ..runs import Baseline, ComparisonRecord, Flip, Pairing, RunRecord, pair
from ..samples import Sample
from ..scores import Outcome, SampleResult
from ..spool import Spool
from .plan import Job

_SHOWN = 2000
"""Characters of a reply that a flip keeps, from its end."""


@dataclass(frozen=True)
class Prepared:
    """A Job's gates with their baselines' answers.

    Attributes:
        reader: a baseline that no gate asks for, with its answers.
    """

    gates: tuple[Gate, ...]
    reader: tuple[Baseline, Pairing] | None = None
    notes: tuple[str, ...] = ()


def prepare(job: Job, record: RunRecord) -> Prepared:
    """Pair what is to be compared, before anything is asked.

    Raises:
        ConfigError: a baseline that differs in what was not to be tolerated.
    """
    gates, baseline = job.gating.gates, job.gating.baseline
    if baseline is None and not any(isinstance(gate, Drop) for gate in gates):
        return Prepared(gates, notes=job.gating.notes)
    prompts = {sample.id: job.request(sample, 0, Protocol.CHAT).text_digest for sample in job.samples}
    ready = tuple(
        gate.against(pair(gate.baseline, record, job.samples, prompts)) if isinstance(gate, Drop) else gate
        for gate in gates
    )
    if baseline is None:
        return Prepared(ready, notes=job.gating.notes)
    pairing = pair(baseline, record, job.samples, prompts)
    if not pairing.differences:
        return Prepared(ready, (baseline, pairing), job.gating.notes)
    words = "; ".join(f"{facet.value}: {text}" for facet, text in pairing.differences.items())
    return Prepared(ready, notes=(*job.gating.notes, f"not compared with {baseline.name}, which differs ({words})"))


@dataclass(frozen=True)
class Compared:
    """What stands in the Run of comparisons."""

    records: tuple[ComparisonRecord, ...] = ()
    flips: Sequence[Flip] = ()


def compared(
    prepared: Prepared, verdicts: Sequence[GateResult], measured: Measurements, results: Sequence[SampleResult]
) -> Compared:
    """The comparisons that gates made, that for the reader, and the flips of each baseline.

    Args:
        results: those of ``measured``, with their texts.
    """
    records: dict[tuple[str, str], ComparisonRecord] = {}
    flips: dict[str, Iterable[Flip]] = {}
    for gate, verdict in zip(prepared.gates, verdicts, strict=True):
        if isinstance(gate, Drop) and gate.pairing is not None and verdict.comparison is not None:
            key = (gate.baseline.name, verdict.comparison.metric)
            records.setdefault(key, comparison_record(gate.baseline, gate.pairing, verdict.comparison))
            flips.setdefault(
                gate.baseline.name, find_flips(gate.baseline.name, gate.pairing, measured.outcomes, results)
            )
    if prepared.reader is not None:
        baseline, pairing = prepared.reader
        found = compare(
            "accuracy",
            Measurements(pairing.outcomes).question_values("accuracy"),
            measured.question_values("accuracy"),
            clusters=measured.clusters,
            noise=noise_of(baseline),
        )
        records[baseline.name, "accuracy"] = comparison_record(baseline, pairing, found)
        flips[baseline.name] = find_flips(baseline.name, pairing, measured.outcomes, results)
    return Compared(tuple(records.values()), Spool.of(chain.from_iterable(flips.values()), Flip))


def comparison_record(baseline: Baseline, pairing: Pairing, found: Comparison) -> ComparisonRecord:
    """A comparison as the Run keeps it."""
    values = {name: getattr(found, name) for name in found.__struct_fields__ if name != "noise"}
    tolerated = tuple(f"{facet.value}: {words}" for facet, words in pairing.differences.items())
    return ComparisonRecord(
        **values,
        baseline_name=baseline.name,
        baseline_kind=baseline.kind,
        baseline_run=str(baseline.folder),
        unpaired=pairing.unpaired,
        notes=(*pairing.notes, *tolerated),
        rerun=baseline.record.rerun,
    )


def find_flips(
    name: str, pairing: Pairing, outcomes: Sequence[Outcome], results: Sequence[SampleResult]
) -> Iterator[Flip]:
    """The questions whose score is another one, with both answers (of the first repeat); no other texts are read."""
    before, after = _by_question(pairing.outcomes), _by_question(outcomes)
    for sample_id, mine in after.items():
        theirs = before.get(sample_id)
        if theirs is None or theirs.score == mine.score:
            continue
        result, old = results[mine.first], pairing.results[theirs.first]
        yield Flip(
            baseline_name=name,
            sample_id=sample_id,
            change="won" if mine.score > theirs.score else "lost",
            input=result.input,
            target=result.target,
            category=result.category,
            baseline_score=theirs.score,
            score=mine.score,
            baseline_answer=old.score.answer if old.score else None,
            answer=result.score.answer if result.score else None,
            baseline_reply=old.reply[-_SHOWN:],
            reply=result.reply[-_SHOWN:],
        )


@dataclass(frozen=True)
class _Question:
    """A question's mean score, and where the first of its scored answers stands."""

    score: float
    first: int


def _by_question(outcomes: Sequence[Outcome]) -> Mapping[str, _Question]:
    first: dict[str, int] = {}
    for index, outcome in enumerate(outcomes):
        if outcome.value is not None:
            first.setdefault(outcome.sample_id, index)
    means = accuracy(outcomes)
    return {question: _Question(means[question], index) for question, index in first.items()}


def pair_results(
    baseline: Baseline, record: RunRecord, outcomes: Sequence[Outcome], results: Sequence[SampleResult]
) -> Pairing:
    """Pair a baseline with a finished run."""
    first: dict[str, int] = {}
    for index, outcome in enumerate(outcomes):
        first.setdefault(outcome.sample_id, index)
    samples = Spool.of((_sample_of(results[index]) for index in first.values()), Sample)
    return pair(baseline, record, samples, {key: outcomes[index].prompt for key, index in first.items()})


def _sample_of(result: SampleResult) -> Sample:
    return Sample(id=result.sample_id, input=result.input, target=result.target, cluster=result.cluster)


def judge_drop(
    drop: Drop, record: RunRecord, measured: Measurements, results: Sequence[SampleResult]
) -> tuple[GateResult, Compared]:
    """Judge a drop of a run that is finished.

    Raises:
        ConfigError: a baseline that differs in what was not to be tolerated.
    """
    ready = drop.against(pair_results(drop.baseline, record, measured.outcomes, results))
    verdict = ready.judge(measured)
    return verdict, compared(Prepared((ready,)), (verdict,), measured, results)
