"""Decisions on what real models answered: the suite file's item and the test come out alike."""

from __future__ import annotations

import json

import pytest

from pytest_nemo_eval import read_run
from tests.plugin.conftest import Replay
from tests.plugin.modes import MODES
from tests.plugin.suites import runs
from tests.shared_data import RECORDED_GSM8K, shared_data

pytestmark = pytest.mark.once

OLD, NEW = "openai-6b_verification", "openai-175b_finetuning"
SUITE = """
evaluation:
  tasks:
    - name: gsm8k
      num_fewshot: 0
      dataset: {{path: {data}}}
{gates}
"""
TEST = """
    def test_gsm8k(run_benchmark):
        result = run_benchmark("gsm8k", num_fewshot=0, dataset="{data}")
        assert result.no_worse_than("old", max_drop={allowed})
"""


def write(pytester: pytest.Pytester, allowed: float | None) -> None:
    data = shared_data() / "gsm8k"
    gates = "" if allowed is None else f"      gates: {{accuracy: {{max_drop: {allowed}}}}}"
    (pytester.path / "eval_it.yaml").write_text(SUITE.format(data=data, gates=gates))
    if allowed is not None:
        pytester.makepyfile(TEST.format(data=data, allowed=allowed))


@MODES
def test_a_smaller_model_beside_a_larger_one(pytester: pytest.Pytester, replay: Replay, mode: tuple[str, ...]) -> None:
    recording = str(shared_data() / RECORDED_GSM8K)
    old, new = (replay("--replay", recording, "--only-model", model) for model in (OLD, NEW))
    write(pytester, None)
    saved = pytester.runpytest_subprocess(f"--model-url={old}", "--eval-save-baseline=old", *mode)
    assert saved.ret == 0, saved.stdout.str()
    for allowed, url, code, decision in (
        (0.01, old, 0, "GO"),
        (0.01, new, 1, "NO-GO"),
        (0.03, new, 6, "INCONCLUSIVE"),
        (0.01, "http://127.0.0.1:9/v1", 7, "NO VERDICT"),
    ):
        write(pytester, allowed)
        result = pytester.runpytest_subprocess(f"--model-url={url}", "--eval-baseline=old", *mode)
        assert result.ret == code, result.stdout.str()
        result.assert_outcomes(**{{0: "passed", 7: "errors"}.get(code, "failed"): 2})
        result.stdout.fnmatch_lines([f"verdict: {decision}*"])
    compared = [folder for folder in runs(pytester) if read_run(folder).record.comparisons]
    lost = [[json.loads(line) for line in (folder / "flips.jsonl").read_text().splitlines()] for folder in compared]
    assert sorted(len(flips) for flips in lost) == [0, 0, 361, 361, 361, 361]
    for flips in lost:
        assert [flip["change"] for flip in flips].count("lost") in (0, 209)
        assert all(flip["reply"] and flip["baseline_reply"] for flip in flips)
