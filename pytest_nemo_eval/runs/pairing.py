"""Which of a baseline's answers belong to which question of a run, and what keeps them from being compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from ..config.settings import Facet
from ..samples import Sample
from ..scores import Outcome, SampleResult
from .baseline import OWN, Baseline
from .record import RunRecord

_SEARCHES = 4_000_000
"""Texts that are looked through at most for questions that neither id nor text finds."""


@dataclass(frozen=True)
class Pairing:
    """A baseline's answers under the run's own ids.

    Attributes:
        differences: what differs, in words.
        notes: what a reader should know, such as what the baseline does not record.
    """

    results: tuple[SampleResult, ...]
    unpaired: int
    differences: Mapping[Facet, str]
    notes: tuple[str, ...]

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The answers without their texts."""
        return tuple(map(Outcome.of, self.results))


def pair(baseline: Baseline, record: RunRecord, samples: Sequence[Sample], prompts: Mapping[str, str]) -> Pairing:
    """Pair questions by id where the text agrees, else by text.

    Args:
        record: of the run that is to be compared.
        prompts: by sample id, the digest of what is asked (``Request.text_digest``).
    """
    partners = dict(_partners(baseline, samples))
    answers: dict[str, list[SampleResult]] = {}
    for result in baseline.results:
        answers.setdefault(result.sample_id, []).append(result)
    found: list[SampleResult] = []
    for sample in samples:
        theirs = answers.get(partners.get(sample.id, ""), [])
        found += [msgspec.structs.replace(one, sample_id=sample.id, cluster=sample.cluster) for one in theirs]
    targets = {sample.id: sample.target for sample in samples}
    wrong = {result.sample_id for result in found if not _same_target(result.target, targets[result.sample_id])}
    other = {result.sample_id for result in found if result.prompt not in ("", prompts[result.sample_id])}
    unpaired = len(samples) - len(partners)
    differences = {
        Facet.BENCHMARK: _benchmark(baseline, record),
        Facet.DATA: _data(baseline, samples, unpaired, len(wrong)),
        Facet.PROMPT: _prompt(baseline, record, len(other), len(partners)),
        Facet.PARAMETERS: _parameters(baseline, record),
    }
    return Pairing(
        tuple(found), unpaired, {facet: words for facet, words in differences.items() if words}, _notes(baseline)
    )


def _partners(baseline: Baseline, samples: Sequence[Sample]) -> Iterator[tuple[str, str]]:
    """(our id, the baseline's id) of each question that is found; a foreign log may have it inside of its prompt."""
    foreign = baseline.kind != OWN
    by_id = {result.sample_id: result for result in baseline.results}
    by_text: dict[str, set[str]] = {}
    for result in baseline.results:
        by_text.setdefault(result.input.strip(), set()).add(result.sample_id)
    searches = _SEARCHES if foreign else 0
    for sample in samples:
        wanted = sample.input.strip()
        named = by_id.get(sample.id)
        if named is not None and _is_same(named, sample, foreign):
            yield sample.id, named.sample_id
            continue
        ids = by_text.get(wanted, set())
        if not ids and searches > 0:
            searches -= len(by_id)
            ids = {result.sample_id for result in by_id.values() if wanted in result.input}
        if len(ids) == 1:
            yield sample.id, next(iter(ids))


def _is_same(named: SampleResult, sample: Sample, foreign: bool) -> bool:
    """Whether an id stands for the same question; one that is only worded otherwise is a matter of its prompt."""
    if foreign:
        return sample.input.strip() in named.input
    return named.input.strip() == sample.input.strip() or named.target == sample.target


def _same_target(theirs: str, ours: str) -> bool:
    """Whether two targets are one: a whole solution ends in its answer."""
    plain = [text.rpartition("####")[2].replace(",", "").strip().lower() for text in (theirs, ours)]
    return not theirs or plain[0] == plain[1]


def _benchmark(baseline: Baseline, record: RunRecord) -> str:
    if baseline.kind != OWN:
        return ""
    theirs, ours = baseline.record.benchmark, record.benchmark
    names = ("variant", "version", "scorer", "num_fewshot")
    return _changes({name: (getattr(theirs, name), getattr(ours, name)) for name in names})


def _data(baseline: Baseline, samples: Sequence[Sample], unpaired: int, wrong: int) -> str:
    count = len({result.sample_id for result in baseline.results})
    parts = []
    if unpaired or count != len(samples):
        parts.append(f"{count} questions there, {len(samples)} here, {len(samples) - unpaired} in both")
    if wrong:
        parts.append(f"{wrong} questions have another right answer")
    return "; ".join(parts)


def _prompt(baseline: Baseline, record: RunRecord, other: int, paired: int) -> str:
    parts = [f"{other} of {paired} questions were asked in other words"] if other else []
    theirs, ours = baseline.record.benchmark.interceptors, record.benchmark.interceptors
    if baseline.kind == OWN and theirs != ours:
        parts.append(f"interceptors: {', '.join(theirs) or 'none'} there, {', '.join(ours) or 'none'} here")
    return "; ".join(parts)


def _parameters(baseline: Baseline, record: RunRecord) -> str:
    theirs, ours = baseline.record.benchmark.parameters, record.benchmark.parameters
    names = {*theirs, *ours} if baseline.kind == OWN else {*theirs} & {*ours}
    changes = {name: (theirs.get(name), ours.get(name)) for name in sorted(names)}
    if baseline.kind == OWN:
        changes["protocol"] = (baseline.record.model.protocol, record.model.protocol)
    return _changes(changes)


def _changes(pairs: Mapping[str, tuple[object, object]]) -> str:
    return "; ".join(f"{name}: {theirs} there, {ours} here" for name, (theirs, ours) in pairs.items() if theirs != ours)


def _notes(baseline: Baseline) -> tuple[str, ...]:
    """What a foreign baseline does not say cannot be compared, and is not passed over in silence."""
    if baseline.kind == OWN:
        return ()
    unknown = ["the model's weights", "the benchmark's version"]
    unknown += ["its prompts"] if not any(result.prompt for result in baseline.results) else []
    unknown += ["its generation parameters"] if not baseline.record.benchmark.parameters else []
    return (f"{baseline.kind}'s files do not record {', '.join(unknown)}: not compared",)
