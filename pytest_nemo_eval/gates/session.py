"""From the verdicts of all gates to one decision."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from ..config.settings import Tier
from ..metrics import holm
from .gate import Verdict

ALPHA = 0.05


class Decision(str, enum.Enum):
    """What a session says of the model."""

    GO = "GO"
    NO_GO = "NO-GO"
    INCONCLUSIVE = "INCONCLUSIVE"
    NO_VERDICT = "NO VERDICT"


@dataclass(frozen=True)
class Judged:
    """A gate's verdict as the session counts it.

    Attributes:
        item: where it stands.
        by_evidence: whether its verdict rests on evidence.
        p_fail: of a failure on evidence; None for any other.
    """

    item: str
    condition: str
    verdict: Verdict
    tier: Tier
    by_evidence: bool = False
    p_fail: float | None = None


@dataclass(frozen=True)
class SessionVerdict:
    """The decision with its reasons, the weightiest first.

    Attributes:
        withdrawn: failures that did not stand up to the number of gates; they count as inconclusive.
        broken: whether there is no verdict because something broke.
        family: the number of gates that failures on evidence were held against; 0 where they were not.
    """

    decision: Decision
    reasons: tuple[str, ...] = ()
    withdrawn: tuple[Judged, ...] = ()
    broken: bool = False
    family: int = 0


def decide_session(
    judged: Sequence[Judged], broken: Sequence[str], failed: Sequence[str] = (), correction: bool = False
) -> SessionVerdict:
    """One decision out of all verdicts; advisory gates count in none.

    A failure is a failure whatever else broke; without one, something that broke leaves no verdict; then evidence that
    is missing leaves it open. Failures that rest on evidence are corrected by Holm's step-down procedure (1979) where
    asked for: with many gates one of them fails by chance. A GO needs no correction, since every gate has to pass.

    Args:
        broken: what ended in an error or is missing, in words.
        failed: evaluations that failed without a gate of ours, such as by a plain assert.
    """
    gated = [one for one in judged if one.tier is not Tier.ADVISORY]
    family = [one for one in gated if one.by_evidence] if correction else []
    withdrawn = _withdrawn(family)
    decision, reasons = _decision(gated, broken, failed, withdrawn)
    is_broken = decision is Decision.NO_VERDICT and bool(broken)
    return SessionVerdict(decision, tuple(reasons), withdrawn, is_broken, len(family))


def _decision(
    gated: Sequence[Judged], broken: Sequence[str], failed: Sequence[str], withdrawn: Sequence[Judged]
) -> tuple[Decision, list[str]]:
    failures = [one for one in gated if one.verdict is Verdict.FAIL and one not in withdrawn]
    open_ones = [one for one in gated if one.verdict is Verdict.INCONCLUSIVE]
    if failures or failed:
        ordered = sorted(failures, key=lambda one: one.tier is not Tier.CRITICAL)
        reasons = [f"{one.item} ({one.tier.value}): missed {one.condition}" for one in ordered]
        return Decision.NO_GO, [*reasons, *(f"{item}: failed" for item in failed)]
    if broken:
        return Decision.NO_VERDICT, list(broken)
    if open_ones or withdrawn:
        reasons = [f"{one.item} ({one.tier.value}): too little evidence on {one.condition}" for one in open_ones]
        reasons += [f"{one.item}: missed {one.condition}, but not beyond chance among all gates" for one in withdrawn]
        return Decision.INCONCLUSIVE, reasons
    if not gated:
        return Decision.NO_VERDICT, ["no gate that counts was judged"]
    return Decision.GO, [f"all {len(gated)} gates passed"]


def _withdrawn(family: Sequence[Judged]) -> tuple[Judged, ...]:
    """Failures that Holm's procedure does not keep, among all gates that evidence decides.

    One that did not fail takes part with a p-value of 1. The level is one-sided, half of what the interval leaves out.
    """
    adjusted = holm([1.0 if one.p_fail is None else one.p_fail for one in family])
    return tuple(one for one, p in zip(family, adjusted, strict=True) if one.p_fail is not None and p > ALPHA / 2)
