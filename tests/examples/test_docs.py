"""docs/ says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_nemo_eval.client.direct import CONNECT_SECONDS
from pytest_nemo_eval.client.limiter import START
from pytest_nemo_eval.client.retry import LONGEST_WAIT, is_retried
from pytest_nemo_eval.config.policy import read_policy
from pytest_nemo_eval.config.settings import GateSettings
from pytest_nemo_eval.config.suite import read_suite
from pytest_nemo_eval.evaluation.engine import FIRST
from pytest_nemo_eval.evaluation.plan import REQUEST_SECONDS, RETRIES
from pytest_nemo_eval.evaluation.watching import SAMPLE_SECONDS
from pytest_nemo_eval.gates.validity import CHAT_TEMPLATE, FAULTS
from pytest_nemo_eval.launchers.local import GRACE_SECONDS
from pytest_nemo_eval.metrics import check_metric
from pytest_nemo_eval.metrics.names import FIXED, PATTERNS
from pytest_nemo_eval.plugin.asking import FEWEST_RETRIES
from pytest_nemo_eval.plugin.options import OPTIONS
from pytest_nemo_eval.plugin.state import MOST_IN_PROGRESS
from pytest_nemo_eval.runs import RunStatus
from pytest_nemo_eval.runs.find import RERUN
from pytest_nemo_eval.runs.journal import JOURNAL
from pytest_nemo_eval.runs.server_metrics import PREFIXES, SERVER_METRICS
from pytest_nemo_eval.runs.writer import FLIPS, RESULTS
from pytest_nemo_eval.scorers.isolated import CHILDREN

DOCS = Path(__file__).resolve().parents[2] / "docs"
GATES = (DOCS / "gates.md").read_text(encoding="utf-8")
ENGINE = (DOCS / "engine.md").read_text(encoding="utf-8")


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


def test_the_engines_suite_is_valid(tmp_path: Path) -> None:
    (suite,) = re.findall(r"```yaml\n(.*?)```", ENGINE, re.DOTALL)
    (tmp_path / "eval_it.yaml").write_text(suite)
    (tmp_path / "essays.jsonl").touch()
    read_suite(tmp_path / "eval_it.yaml")


def test_options_statuses_and_files_of_the_engine_are_what_they_are() -> None:
    known = {name for option in OPTIONS for name in (option.flag, option.alias)}
    assert set(re.findall(r"(?<=`)--[\w-]+", ENGINE)) - known == set()
    assert [status.value for status in RunStatus if f"`{status.value}`" not in ENGINE] == []
    files = (RESULTS, JOURNAL, FLIPS, SERVER_METRICS, f"{RERUN}/", *PREFIXES)
    assert [name for name in files if f"`{name}`" not in ENGINE] == []


def test_what_is_asked_again() -> None:
    rows = re.findall(r"^\| (.*?HTTP.*?) \| (yes|no)", ENGINE, re.MULTILINE)
    asked = {int(status): answer == "yes" for fault, answer in rows for status in re.findall(r"\b\d{3}\b", fault)}
    assert {*asked} >= {400, 401, 403, 404, 408, 409, 413, 422, 425, 429, 503}
    assert {status: is_retried(status) for status in asked} == asked
    assert is_retried(500)


def test_the_engines_numbers() -> None:
    for words in (
        f"begins with {START}",
        f"never passes {MOST_IN_PROGRESS}",
        f"`max_retries` times ({RETRIES})",
        f"at least {FEWEST_RETRIES}",
        f"{REQUEST_SECONDS:g} s, {CONNECT_SECONDS:g} s of them to connect",
        f"{GRACE_SECONDS:g} s more",
    ):
        assert words in " ".join(ENGINE.split())
    assert (FIRST, CHILDREN, SAMPLE_SECONDS, LONGEST_WAIT) == (8, 2, 5, 60)  # which it has in words
