"""Floors and ceilings."""

from __future__ import annotations

from dataclasses import dataclass

from ..config.settings import DecideBy, Tier
from ..errors import ConfigError
from ..metrics import Measurements, MetricValue, one_sided_p
from .gate import DEFAULT_CONFIDENCE, GateResult, Verdict, decide


@dataclass(frozen=True)
class Threshold:
    """A floor, a ceiling, or both, on a metric of any kind.

    Attributes:
        decide_by: ``point`` looks at the value, ``bound`` and ``evidence`` at its interval.
        confidence: of that interval.
    """

    metric: str
    min: float | None = None
    max: float | None = None
    tier: Tier = Tier.SUPPORTING
    decide_by: DecideBy = DecideBy.POINT
    confidence: float = DEFAULT_CONFIDENCE

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

    def judge(self, measured: Measurements) -> GateResult:
        found = measured.metric(self.metric, self.confidence)
        rule = self.decide_by
        verdict = decide(rule, found.value, found.interval, self.min, self.max)
        return GateResult(
            condition=self.condition,
            verdict=verdict,
            tier=self.tier,
            explanation=self._explanation(found, rule, verdict),
            decided_by=rule,
            warning=self._warning(found),
            p_fail=self._p_fail(measured) if rule is DecideBy.EVIDENCE and verdict is Verdict.FAIL else None,
        )

    def _explanation(self, found: MetricValue, rule: DecideBy, verdict: Verdict) -> str:
        bounds = " and ".join(part.partition(" ")[2] for part in self.condition.split(" and "))
        missed = "" if verdict is Verdict.PASS else ", not"
        if rule is DecideBy.POINT:
            return f"{self.metric} is {found.value:.4f}{missed} {bounds}"
        if found.method == "none":
            return (
                f"{self.metric} is {found.value:.4f}, from too few replies ({found.n}) for an interval; wanted {bounds}"
            )
        interval = f"{self.confidence:.4g} interval {found.ci_lower:.4f} to {found.ci_upper:.4f}"
        how = {
            Verdict.PASS: "which lies within",
            Verdict.FAIL: "which does not clear" if rule is DecideBy.BOUND else "all of it outside of",
            Verdict.INCONCLUSIVE: "which lies on both sides of",
        }[verdict]
        return f"{self.metric} is {found.value:.4f} ({interval}, {how} {bounds}; decided by {rule.value})"

    def _warning(self, found: MetricValue) -> str:
        bounds = [bound for bound in (self.min, self.max) if bound is not None]
        inside = [f"{bound:g}" for bound in bounds if found.ci_lower < bound < found.ci_upper]
        if self.decide_by is not DecideBy.POINT or not inside:
            return ""
        return (
            f"the threshold {inside[0]} lies inside the {self.confidence:.0%} interval of {self.metric}, "
            f"{found.ci_lower:.4f} to {found.ci_upper:.4f}: another run may well come out otherwise"
        )

    def _p_fail(self, measured: Measurements) -> float:
        def interval_at(confidence: float) -> tuple[float, float]:
            return measured.metric(self.metric, confidence).interval

        value = measured.metric(self.metric, self.confidence).value
        if self.min is not None and value < self.min:
            return one_sided_p(interval_at, self.min, "below")
        return one_sided_p(interval_at, self.max if self.max is not None else value, "above")
