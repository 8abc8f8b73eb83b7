"""What a gate is, and the rules that verdicts follow."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from ..config.settings import DecideBy, Tier
from ..metrics import Comparison, Measurements

DEFAULT_CONFIDENCE = 0.95


class Verdict(str, enum.Enum):
    """What a gate comes out as."""

    PASS = "pass"  # noqa: S105  # no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class GateResult:
    """A gate's verdict.

    Attributes:
        condition: the gate in words, such as ``accuracy >= 0.55``.
        explanation: why, in one line.
        decided_by: the rule that the verdict follows.
        warning: what a reader should know of it all the same.
        p_fail: of a failure that rests on evidence, its one-sided p-value; None for any other verdict.
        comparison: with the baseline, where there is one.
    """

    condition: str
    verdict: Verdict
    tier: Tier
    explanation: str
    decided_by: DecideBy = DecideBy.POINT
    warning: str = ""
    p_fail: float | None = None
    comparison: Comparison | None = None


class Gate(Protocol):
    """A condition on the metrics of one benchmark."""

    @property
    def tier(self) -> Tier: ...

    def judge(self, measured: Measurements) -> GateResult:
        """The verdict. Raises ConfigError for a metric that the benchmark does not have."""
        ...


def decide(
    rule: DecideBy, value: float, interval: tuple[float, float], low: float | None, high: float | None
) -> Verdict:
    """The verdict on a value with its interval that is to lie between ``low`` and ``high`` (None: no bound)."""
    lower, upper = interval
    allowed = (low is None or value >= low) and (high is None or value <= high)
    if rule is DecideBy.POINT:
        return Verdict.PASS if allowed else Verdict.FAIL
    clear = (low is None or lower >= low) and (high is None or upper <= high)
    if clear:
        return Verdict.PASS
    excluded = (low is not None and upper < low) or (high is not None and lower > high)
    return Verdict.FAIL if excluded or rule is DecideBy.BOUND else Verdict.INCONCLUSIVE


def worst(verdicts: list[Verdict]) -> Verdict:
    """A failure before an inconclusive verdict before a pass."""
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS
