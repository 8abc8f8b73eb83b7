"""A gate: a condition on one metric of a benchmark."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..config.settings import Tier
from ..errors import ConfigError
from ..metrics import MetricValue


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
    """

    condition: str
    verdict: Verdict
    tier: Tier
    explanation: str


class Gate(Protocol):
    """A condition on the metrics of one benchmark."""

    @property
    def tier(self) -> Tier: ...

    def judge(self, metrics: Mapping[str, MetricValue]) -> GateResult:
        """The verdict. Raises ConfigError for a metric that the benchmark does not have."""
        ...


@dataclass(frozen=True)
class Threshold:
    """A floor, a ceiling, or both, on the value itself."""

    metric: str
    min: float | None = None
    max: float | None = None
    tier: Tier = Tier.SUPPORTING

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise ConfigError(f"the gate on {self.metric} needs min, max, or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ConfigError(f"the gate on {self.metric} can never pass: min {self.min} is above max {self.max}")

    @property
    def condition(self) -> str:
        floor = [f"{self.metric} >= {self.min:g}"] if self.min is not None else []
        ceiling = [f"{self.metric} <= {self.max:g}"] if self.max is not None else []
        return " and ".join(floor + ceiling)

    def judge(self, metrics: Mapping[str, MetricValue]) -> GateResult:
        if self.metric not in metrics:
            raise ConfigError(f"there is no metric {self.metric} to gate; there are {', '.join(sorted(metrics))}")
        measured = metrics[self.metric]
        above = self.min is None or measured.value >= self.min
        below = self.max is None or measured.value <= self.max
        verdict = Verdict.PASS if above and below else Verdict.FAIL
        missed = "" if verdict is Verdict.PASS else ", not"
        explanation = f"{self.metric} is {measured.value:.4f}{missed} {self.condition.partition(' ')[2]}"
        return GateResult(self.condition, verdict, self.tier, explanation)
