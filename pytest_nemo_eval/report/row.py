"""One benchmark in a report."""

from __future__ import annotations

import msgspec

from ..runs import RunRecord


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A benchmark's line in the terminal's table and in the HTML report; crosses processes as JSON text.

    Attributes:
        verdict: pass, fail, inconclusive, advisory, measured (no gate), or error.
        threshold: the gates' conditions, "" without any.
        value, ci_lower, ci_upper, n: of the accuracy; None where nothing was measured.
        note: what a reader should know; the cause of an error.
        run: the Run's folder.
    """

    benchmark: str
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
    )


def _verdict(record: RunRecord) -> str:
    if not record.gates:
        return "measured"
    required = [gate for gate in record.gates if gate.tier != "advisory"]
    if not required:
        return "advisory"
    verdicts = {gate.verdict for gate in required}
    return "fail" if "fail" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"
