"""Which gates a task has: its own, those of a policy, and the baselines that they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..config.policy import DEFAULT_MAX_DROP, PolicySettings
from ..config.settings import DecideBy, GateSettings, Shares, TaskSettings, Tier
from ..errors import ConfigError
from ..gates import Drop, Gate, Threshold, check_shares
from ..gates.gate import DEFAULT_CONFIDENCE
from ..metrics import canonical, check_metric, has_no_interval, is_share
from ..runs import Baseline, BaselineMissingError, Wanted, find_baseline, locate


@dataclass(frozen=True)
class Place:
    """A baseline as somebody named it, and the folder that a relative path is taken from.

    Attributes:
        shown: what it is called in words; as it was named where this is "".
    """

    name: str
    folder: Path
    shown: str = ""


@dataclass(frozen=True)
class Rules:
    """What a session asks of every benchmark.

    Attributes:
        baseline: what drops are measured from where a gate names nothing else.
        saved: the folder of saved baselines.
        folder: relative paths of gates are taken from here.
        awaited: the baseline is a model that the session measures first.
        model: the label of one of several models, which the item's id ends in.
    """

    policy: PolicySettings | None = None
    baseline: Place | None = None
    saved: Path = Path("eval-baselines")
    folder: Path = Path()
    awaited: bool = False
    model: str = ""


@dataclass(frozen=True)
class Gating:
    """The gates of one task.

    Attributes:
        baseline: compared with for the reader's sake where no gate asks for it.
        notes: what a reader should know.
    """

    gates: tuple[Gate, ...]
    validity: Shares | bool = True
    baseline: Baseline | None = None
    notes: tuple[str, ...] = ()


def gate_settings(task: TaskSettings, names: Sequence[str], rules: Rules) -> dict[str, GateSettings]:
    """A task's gates by metric, with those of the policy laid over them.

    Raises:
        ConfigError: a metric that does not exist, a gate without a bound, a drop without a baseline.
    """
    merged = {canonical(metric): _with_tier(gate, task.tier) for metric, gate in task.gates.items()}
    if rules.policy is not None:
        for metric, gate in _of_policy(rules.policy, names, rules).items():
            merged[metric] = _laid_over(gate, merged.get(metric, GateSettings(tier=task.tier)))
    for metric, gate in merged.items():
        check_metric(metric)
        _check_gate(metric, gate, rules)
    return merged


def _with_tier(gate: GateSettings, tier: Tier | None) -> GateSettings:
    return gate if gate.tier else msgspec.structs.replace(gate, tier=tier)


def _of_policy(policy: PolicySettings, names: Sequence[str], rules: Rules) -> dict[str, GateSettings]:
    entry = policy.entry(names)
    gates = {canonical(metric): _with_tier(gate, entry.tier) for metric, gate in entry.gates.items()}
    conditions = entry.conditions
    if (
        not _has_bound(conditions)
        and not gates
        and (rules.baseline is not None or rules.awaited or policy.lists(names))
    ):
        conditions = msgspec.structs.replace(conditions, max_drop=DEFAULT_MAX_DROP)
    if _has_bound(conditions):
        metric = canonical(entry.metric or "accuracy")
        gates[metric] = _laid_over(conditions, gates.get(metric, GateSettings()))
    return gates


def _has_bound(gate: GateSettings) -> bool:
    return any(bound is not None for bound in (gate.min, gate.max, gate.max_drop, gate.max_relative_drop))


def _laid_over(upper: GateSettings, lower: GateSettings) -> GateSettings:
    unset = GateSettings()
    given = {
        name: getattr(upper, name)
        for name in GateSettings.__struct_fields__
        if getattr(upper, name) != getattr(unset, name)
    }
    return msgspec.structs.replace(lower, **given)


def _check_gate(metric: str, gate: GateSettings, rules: Rules) -> None:
    if not _has_bound(gate):
        raise ConfigError(f"the gate on {metric} needs min, max, max_drop or max_relative_drop")
    if has_no_interval(metric) and gate.decide_by in (DecideBy.BOUND, DecideBy.EVIDENCE):
        raise ConfigError(f"{metric} is one number of the whole run, without an interval: decide by point")
    for bound in (gate.min, gate.max, gate.max_drop):
        if bound is not None and is_share(metric) and not 0 <= bound <= 1:
            raise ConfigError(
                f"the gate on {metric} has the bound {bound:g}, and {metric} lies between 0 and 1: "
                f"for {bound:g} % write {bound / 100:g}"
            )
    if gate.min is not None or gate.max is not None:
        _threshold(metric, gate)
    if gate.max_drop is not None or gate.max_relative_drop is not None:
        if rules.awaited and gate.baseline is None:
            return
        place = _place(gate, rules)
        locate(place.name, place.folder, rules.saved)


def _place(gate: GateSettings, rules: Rules) -> Place:
    if gate.baseline is not None:
        return Place(gate.baseline, rules.folder)
    if rules.baseline is None:
        raise ConfigError(
            "max_drop needs a baseline: give --eval-baseline NAME_OR_DIR, or baseline at the gate or in evaluation "
            "(--eval-save-baseline NAME saves one)"
        )
    return rules.baseline


def gating(task: TaskSettings, names: Sequence[str], wanted: Wanted, rules: Rules) -> Gating:
    """The gates of a task, with the baselines that they need read.

    Args:
        names: the task's item, its benchmark's full name and its name: what a policy may call it.

    Raises:
        ConfigError: as ``gate_settings``; a baseline that is not there, or does not have the benchmark.
    """
    policy = rules.policy
    optional = policy is not None and not policy.lists(names)
    gates: list[Gate] = []
    notes: list[str] = []
    for metric, gate in gate_settings(task, names, rules).items():
        if gate.min is not None or gate.max is not None:
            gates.append(_threshold(metric, gate))
        if gate.max_drop is None and gate.max_relative_drop is None:
            continue
        try:
            gates.append(drop_gate(metric, gate, _read(_place(gate, rules), wanted, rules)))
        except BaselineMissingError as error:
            if not optional or metric in {canonical(name) for name in task.gates}:
                raise
            notes.append(f"{error}: the policy's default drop was not judged")
    of_policy = policy.entry(names).validity if policy else None
    validity = task.validity if of_policy is None else of_policy
    check_shares(validity)
    return Gating(
        gates=tuple(gates),
        validity=validity,
        baseline=_for_the_reader(gates, wanted, rules, notes),
        notes=tuple(notes),
    )


def _for_the_reader(gates: Sequence[Gate], wanted: Wanted, rules: Rules, notes: list[str]) -> Baseline | None:
    if rules.baseline is None or any(isinstance(gate, Drop) for gate in gates):
        return None
    try:
        return _read(rules.baseline, wanted, rules)
    except BaselineMissingError as error:
        notes.append(str(error))
        return None


def _read(place: Place, wanted: Wanted, rules: Rules) -> Baseline:
    return find_baseline(place.shown or place.name, locate(place.name, place.folder, rules.saved), wanted)


def _threshold(metric: str, gate: GateSettings) -> Threshold:
    return Threshold(
        metric=metric,
        min=gate.min,
        max=gate.max,
        tier=gate.tier or Tier.SUPPORTING,
        decide_by=gate.decide_by or DecideBy.POINT,
        confidence=gate.confidence or DEFAULT_CONFIDENCE,
    )


def drop_gate(metric: str, gate: GateSettings, baseline: Baseline) -> Drop:
    """The gate on a drop from a baseline."""
    return Drop(
        metric=metric,
        baseline=baseline,
        max_drop=gate.max_drop,
        max_relative_drop=gate.max_relative_drop,
        relative_guard_below=gate.relative_guard_below,
        tier=gate.tier or Tier.SUPPORTING,
        decide_by=gate.decide_by or DecideBy.EVIDENCE,
        confidence=gate.confidence or DEFAULT_CONFIDENCE,
        direction=gate.direction,
        tolerate=frozenset(gate.tolerate),
    )


def load_baseline(text: str | Path | None, wanted: Wanted, rules: Rules) -> Baseline:
    """A baseline that a test names, or that of the session.

    Raises:
        ConfigError: it is not there, or does not have the benchmark.
    """
    if text is not None:
        return _read(Place(str(text), rules.folder), wanted, rules)
    if rules.baseline is None:
        raise ConfigError("no_worse_than names no baseline, and --eval-baseline and --baseline-model-path neither")
    return _read(rules.baseline, wanted, rules)
