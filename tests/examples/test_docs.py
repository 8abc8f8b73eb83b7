"""docs/ says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_nemo_eval.config.policy import read_policy
from pytest_nemo_eval.config.settings import GateSettings
from pytest_nemo_eval.config.suite import read_suite
from pytest_nemo_eval.gates.validity import CHAT_TEMPLATE, FAULTS
from pytest_nemo_eval.metrics import check_metric
from pytest_nemo_eval.metrics.names import FIXED, PATTERNS

GATES = (Path(__file__).resolve().parents[2] / "docs" / "gates.md").read_text(encoding="utf-8")


def test_the_suite_and_the_policy_are_valid(tmp_path: Path) -> None:
    suite, policy = re.findall(r"```yaml\n(.*?)```", GATES, re.DOTALL)
    (tmp_path / "eval_it.yaml").write_text(suite)
    (tmp_path / "policy.yaml").write_text(policy)
    settings, _ = read_suite(tmp_path / "eval_it.yaml")
    for metric in settings.evaluation.tasks[0].gates:
        check_metric(metric)
    assert set(read_policy(tmp_path / "policy.yaml").benchmarks) == {"mmlu_pro", "gsm8k", "triviaqa"}


def test_every_key_metric_and_fault_is_named() -> None:
    assert {name for name in (*GateSettings.__struct_fields__, *FIXED) if f"`{name}`" not in GATES} == set()
    assert [name for name in PATTERNS if f"`{name}`" not in GATES] == []
    shares = dict(re.findall(r"^\| `(\w+)` \| ([\d.]*) ?\|", GATES, re.MULTILINE))
    shown = {
        name: float(share) if share else None for name, share in shares.items() if name in (*FAULTS, CHAT_TEMPLATE)
    }
    assert shown == {**{name: fault.share for name, fault in FAULTS.items()}, CHAT_TEMPLATE: None}
