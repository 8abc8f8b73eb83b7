"""An allowed drop from a baseline, judged question by question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

from ..config.settings import DecideBy, Direction, Facet, Tier
from ..errors import ConfigError
from ..metrics import (
    Comparison,
    Measurements,
    RerunNoise,
    compare,
    higher_is_better,
    questions_needed,
    relative_contrast,
)
from ..runs import Baseline, Pairing
from .gate import DEFAULT_CONFIDENCE, GateResult, Verdict, decide, worst

FEWEST_PAIRS = 10
"""Below this, evidence decides nothing (NeMo Evaluator's gate has the same bound)."""


@dataclass(frozen=True)
class Drop:
    """A metric may be worse than the baseline's by so much.

    Attributes:
        max_drop: in the metric's unit; ``max_relative_drop`` is a share of the baseline's value, and counts only where
            that is below ``relative_guard_below``.
        tolerate: what may differ between the two runs.
        pairing: which answers of the baseline belong to which question; set by ``against``.
    """

    metric: str
    baseline: Baseline
    max_drop: float | None = None
    max_relative_drop: float | None = None
    relative_guard_below: float | None = None
    tier: Tier = Tier.SUPPORTING
    decide_by: DecideBy = DecideBy.EVIDENCE
    confidence: float = DEFAULT_CONFIDENCE
    direction: Direction | None = None
    tolerate: frozenset[Facet] = frozenset()
    pairing: Pairing | None = None

    def __post_init__(self) -> None:
        if self.max_drop is None and self.max_relative_drop is None:
            raise ConfigError(f"the gate on the drop of {self.metric} needs max_drop, max_relative_drop, or both")

    @property
    def higher(self) -> bool:
        """Whether a higher value is the better one."""
        if self.direction is not None:
            return self.direction is Direction.HIGHER
        return higher_is_better(self.metric)

    @property
    def condition(self) -> str:
        verb = "drops" if self.higher else "rises"
        absolute = [f"{self.max_drop:g}"] if self.max_drop is not None else []
        guard = f" where that is below {self.relative_guard_below:g}" if self.relative_guard_below is not None else ""
        relative = (
            [f"{self.max_relative_drop:.3g} of the baseline's{guard}"] if self.max_relative_drop is not None else []
        )
        return f"{self.metric} {verb} from {self.baseline.name} by at most {' and '.join(absolute + relative)}"

    def against(self, pairing: Pairing) -> Drop:
        """The same gate, ready to judge.

        Raises:
            ConfigError: the runs differ in what was not to be tolerated; says in what.
        """
        refused = {facet: words for facet, words in pairing.differences.items() if facet not in self.tolerate}
        if refused:
            raise ConfigError(refusal(self.baseline.name, refused, self.metric))
        return replace(self, pairing=pairing)

    def judge(self, measured: Measurements) -> GateResult:
        if self.pairing is None:
            raise ConfigError(f"the gate on the drop of {self.metric} was not given the baseline's answers")
        theirs = Measurements(self.pairing.outcomes).question_values(self.metric)
        ours = measured.question_values(self.metric)
        comparison = compare(
            self.metric,
            theirs,
            ours,
            clusters=measured.clusters,
            confidence=self.confidence,
            higher_is_better=self.higher,
            noise=noise_of(self.baseline),
        )
        damage = _damage(comparison, self.higher)
        verdicts = []
        if self.max_drop is not None:
            verdicts.append(decide(self.decide_by, damage[0], damage[1:], None, self.max_drop))
        if self._relative_applies(comparison):
            verdicts.append(self._judge_relative(theirs, ours, measured))
        verdict = worst(verdicts)
        if self.decide_by is DecideBy.EVIDENCE and comparison.n < FEWEST_PAIRS:
            verdict = Verdict.INCONCLUSIVE
        failed_on_evidence = verdict is Verdict.FAIL and self.decide_by is DecideBy.EVIDENCE
        return GateResult(
            condition=self.condition,
            verdict=verdict,
            tier=self.tier,
            explanation=self._explanation(comparison, damage, verdict),
            decided_by=self.decide_by,
            p_fail=self._p_fail(comparison, damage[0]) if failed_on_evidence else None,
            comparison=comparison,
        )

    def _relative_applies(self, comparison: Comparison) -> bool:
        if self.max_relative_drop is None or comparison.baseline == 0:
            return False
        return self.relative_guard_below is None or comparison.baseline < self.relative_guard_below

    def _judge_relative(self, theirs: dict[str, float], ours: dict[str, float], measured: Measurements) -> Verdict:
        found = relative_contrast(
            theirs,
            ours,
            self.max_relative_drop or 0.0,
            clusters=measured.clusters,
            confidence=self.confidence,
            higher_is_better=self.higher,
            noise=noise_of(self.baseline),
        )
        low, high = (0.0, None) if self.higher else (None, 0.0)
        return decide(self.decide_by, found.value, found.interval, low, high)

    def _p_fail(self, comparison: Comparison, damage: float) -> float:
        if self.max_drop is None or comparison.stderr == 0:
            return comparison.p_worse
        if self.max_drop == 0:
            return comparison.p_worse
        return 1 - NormalDist().cdf((damage - self.max_drop) / comparison.stderr)

    def _explanation(self, found: Comparison, damage: tuple[float, float, float], verdict: Verdict) -> str:
        drop, lower, upper = damage
        word = ("below" if drop >= 0 else "above") if self.higher else ("above" if drop >= 0 else "below")
        text = (
            f"{self.metric} is {found.value:.4f}, {abs(drop):.4f} {word} {self.baseline.name}'s {found.baseline:.4f} "
            f"({self.confidence:.0%} interval of the {'drop' if self.higher else 'rise'} {lower:.4f} to {upper:.4f}, "
            f"{found.n} questions, {found.lost} lost, {found.won} won, p = {found.p_worse:.2g} by {found.test})"
        )
        if verdict is not Verdict.INCONCLUSIVE:
            return f"{text}; decided by {self.decide_by.value}"
        if found.n < FEWEST_PAIRS:
            return f"{text}: too few questions to decide anything"
        allowed = self.max_drop if self.max_drop else (self.max_relative_drop or 0.0) * found.baseline
        least = f"{found.n} questions show a change of {found.mde:.4f} at best{_needed(found, allowed)}"
        return f"{text}: too little evidence; {least}"


def refusal(name: str, differences: dict[Facet, str], metric: str) -> str:
    """Why two runs are not compared, and how to compare them all the same."""
    words = "; ".join(f"{facet.value}: {text}" for facet, text in differences.items())
    facets = ", ".join(facet.value for facet in differences)
    return (
        f"the baseline {name} is no measure for this run, since they differ ({words}). Save a new baseline with "
        f"--eval-save-baseline, or go on all the same with tolerate: [{facets}] at the gate on {metric}"
    )


def _needed(found: Comparison, drop: float) -> str:
    """How many questions would have shown a drop."""
    if drop <= 0:
        return ""
    try:
        return f"; to see {drop:g} takes about {questions_needed(found, drop)}"
    except ConfigError as error:  # the model's own noise is larger
        return f"; {error}"


def noise_of(baseline: Baseline) -> RerunNoise | None:
    """How far the baseline's model is from itself, where that was measured."""
    rerun = baseline.record.rerun
    return RerunNoise(rerun.questions, rerun.flips, rerun.shift, rerun.sd) if rerun else None


def _damage(found: Comparison, higher: bool) -> tuple[float, float, float]:
    """How much worse, with its interval."""
    if higher:
        return -found.difference, -found.ci_upper, -found.ci_lower
    return found.difference, found.ci_lower, found.ci_upper
