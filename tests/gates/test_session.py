"""From verdicts to one decision."""

from __future__ import annotations

import pytest

from pytest_nemo_eval import Tier, Verdict
from pytest_nemo_eval.gates import Decision, Judged, decide_session


def judged(verdict: str, tier: str = "supporting", p: float | None = None, name: str = "a") -> Judged:
    return Judged(name, "accuracy >= 0.5", Verdict(verdict), Tier(tier), p is not None or verdict == "inconclusive", p)


@pytest.mark.parametrize(
    ("gates", "broken", "decision"),
    [
        ([judged("pass")], [], Decision.GO),
        ([judged("pass"), judged("fail", "advisory")], [], Decision.GO),
        ([judged("pass"), judged("fail")], [], Decision.NO_GO),
        ([judged("pass"), judged("fail")], ["b: broke"], Decision.NO_GO),
        ([judged("pass"), judged("inconclusive")], [], Decision.INCONCLUSIVE),
        ([judged("pass"), judged("inconclusive")], ["b: broke"], Decision.NO_VERDICT),
        ([judged("pass")], ["b is required and was not evaluated"], Decision.NO_VERDICT),
        ([judged("fail", "advisory")], [], Decision.NO_VERDICT),
        ([], [], Decision.NO_VERDICT),
    ],
)
def test_decisions(gates: list[Judged], broken: list[str], decision: Decision) -> None:
    assert decide_session(gates, broken).decision is decision


def test_the_critical_ones_are_named_first() -> None:
    verdict = decide_session([judged("fail", name="small"), judged("fail", "critical", name="big")], [])
    assert [reason.partition(" ")[0] for reason in verdict.reasons] == ["big", "small"]


def test_an_assert_that_failed_without_a_gate() -> None:
    verdict = decide_session([judged("pass")], [], failed=["test_it.py::test_a"])
    assert verdict.decision is Decision.NO_GO
    assert verdict.reasons == ("test_it.py::test_a: failed",)


def test_with_many_gates_chance_is_allowed_for() -> None:
    """Holm: of ten gates, p = 0.002 stands (10 x 0.002 = 0.02 < 0.025) and p = 0.01 does not."""
    others = [judged("pass", name=str(n), p=None) for n in range(3)]
    family = [Judged(str(n), "c", Verdict.PASS, Tier.SUPPORTING, by_evidence=True) for n in range(9)]
    chance, real = judged("fail", p=0.01, name="chance"), judged("fail", p=0.002, name="real")
    assert decide_session([*others, *family, chance], []).decision is Decision.NO_GO
    corrected = decide_session([*others, *family, chance], [], correction=True)
    assert corrected.decision is Decision.INCONCLUSIVE
    assert (corrected.withdrawn, corrected.family) == ((chance,), 10)
    assert decide_session([*others, *family, real], [], correction=True).decision is Decision.NO_GO
    by_point = judged("fail", name="point")
    assert decide_session([*family, by_point], [], correction=True).decision is Decision.NO_GO
