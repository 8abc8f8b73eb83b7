"""One benchmark in a report."""

from __future__ import annotations

import msgspec

from ..runs import ComparisonRecord, GateRecord, RunRecord


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A benchmark's line in the terminal's table and in the HTML report; crosses processes as JSON text.

    Attributes:
        name: the benchmark's without its variant.
        model: the label of one of several models.
        verdict: pass, fail, inconclusive, advisory, measured (no gate), or error.
        threshold: the gates' conditions, "" without any.
        gates: each gate by itself.
        warnings: of gates whose verdict stands, and signs of a broken set-up.
        comparisons: with baselines, each in one line.
        value, ci_lower, ci_upper, n: of the accuracy; None where nothing was measured.
        note: what a reader should know; the cause of an error.
        run: the Run's folder.
    """

    benchmark: str
    name: str = ""
    model: str = ""
    verdict: str
    threshold: str = ""
    value: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    n: int = 0
    extraction_failures: int = 0
    errors: int = 0
    truncated: int = 0
    note: str = ""
    run: str = ""
    gates: tuple[GateRecord, ...] = ()
    warnings: tuple[str, ...] = ()
    comparisons: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The benchmark, and of several models which."""
        return f"{self.benchmark} [{self.model}]" if self.model else self.benchmark


def row_of(record: RunRecord, folder: str) -> Row:
    """The row of a finished Run."""
    benchmark, counts = record.benchmark, record.counts
    score = benchmark.scores["accuracy"]
    note = ""
    if benchmark.num_fewshot != benchmark.reference_fewshot:
        note = f"{benchmark.num_fewshot}-shot (reference: {benchmark.reference_fewshot})"
    return Row(
        benchmark=f"{benchmark.name}:{benchmark.variant}" if benchmark.variant else benchmark.name,
        verdict=_verdict(record),
        threshold=" and ".join(gate.condition for gate in record.gates),
        value=score.value,
        ci_lower=score.ci_lower,
        ci_upper=score.ci_upper,
        n=score.n,
        extraction_failures=counts.extraction_failures,
        errors=counts.errors,
        truncated=counts.truncated,
        note=note,
        run=folder,
        name=benchmark.name,
        gates=record.gates,
        warnings=(*record.faults, *(gate.warning for gate in record.gates if gate.warning)),
        comparisons=tuple(comparison_in_words(found) for found in record.comparisons),
    )


def comparison_in_words(found: ComparisonRecord) -> str:
    """``accuracy 0.5195 is 0.0432 below main's 0.5627 (…), 209 lost, 152 won``."""
    side = "above" if found.difference > 0 else "below"
    text = (
        f"{found.metric} {found.value:.4f} is {abs(found.difference):.4f} {side} {found.baseline_name}'s "
        f"{found.baseline:.4f} ({found.confidence:.0%} interval of the difference {found.ci_lower:+.4f} to "
        f"{found.ci_upper:+.4f}, {found.n} questions, {found.lost} lost, {found.won} won, "
        f"p = {found.p_two_sided:.2g} by {found.test}, least detectable change {found.mde:.4f})"
    )
    return "; ".join([text, *found.notes])


def _verdict(record: RunRecord) -> str:
    if not record.gates:
        return "measured"
    required = [gate for gate in record.gates if gate.tier != "advisory"]
    if not required:
        return "advisory"
    verdicts = {gate.verdict for gate in required}
    return "fail" if "fail" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"
