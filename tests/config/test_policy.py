"""Gate policies."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_nemo_eval.config.policy import PolicySettings, read_policy
from pytest_nemo_eval.config.settings import Tier
from pytest_nemo_eval.errors import ConfigError

NEMO = """\
version: 1
defaults: {tier: supporting, metric: mean_reward, direction: higher_is_better, max_drop: 0.015}
benchmarks:
  mmlu_pro: {tier: critical, max_drop: 0.01}
  aime_2025: {tier: critical, max_drop: 0.01, max_relative_drop: 0.02, relative_guard_below: 0.2}
  humaneval: {metric: pass@1}
  triviaqa: {tier: advisory}
"""


def policy(folder: Path, text: str) -> PolicySettings:
    path = folder / "policy.yaml"
    path.write_text(text)
    return read_policy(path)


def test_entries_over_defaults(tmp_path: Path) -> None:
    found = policy(tmp_path, NEMO)
    assert found.entry(["mmlu_pro"]).max_drop == 0.01
    assert found.entry(["mmlu_pro"]).metric == "mean_reward"
    assert (found.entry(["humaneval"]).max_drop, found.entry(["humaneval"]).metric) == (0.015, "pass@1")
    assert found.entry(["triviaqa"]).tier is Tier.ADVISORY
    assert found.entry(["unlisted"]) == found.defaults
    assert found.entry(["mmlu_pro[law]", "mmlu_pro"]).tier is Tier.CRITICAL
    assert found.lists(["gsm8k:lm-eval", "mmlu_pro"])
    assert not found.lists(["gsm8k"])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("version: 2", "version: expected int <= 1"),
        ("defaults: {max_drop: -1}", "expected float >= 0"),
        ("defaults: {teir: critical}", "unknown key defaults.teir; did you mean tier"),
        ("benchmarks: {a: {direction: up}}", "should be one of higher_is_better, lower_is_better"),
        ("composites: {a: {min: 1}}", "composites.a lacks the key weights"),
    ],
)
def test_mistakes(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(tmp_path, f"# a policy\n{line}\n")
    assert str(caught.value).startswith(f"{tmp_path / 'policy.yaml'}:2: ")
    assert words in str(caught.value)
