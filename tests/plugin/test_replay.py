"""Recorded outputs of real models, replayed by a server, give exactly the totals of the reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_nemo_eval import read_run
from tests.plugin.conftest import Replay
from tests.plugin.suites import runs
from tests.shared_data import RECORDED_GSM8K, RECORDED_MMLU_PRO, shared_data

pytestmark = pytest.mark.once


def correct(pytester: pytest.Pytester, name: str, data: Path, url: str, *options: str) -> tuple[float, int]:
    """How many answers count, and of how many."""
    suite = f"evaluation: {{tasks: [{{name: {name}, dataset: {{path: {data}}}}}]}}\n"
    (pytester.path / "eval_replay.yaml").write_text(suite)
    result = pytester.runpytest_subprocess(f"--model-url={url}", *options)
    assert result.ret == 0, result.stdout.str()
    (folder,) = runs(pytester)
    run = read_run(folder)
    assert run.record.counts.errors == 0
    return sum(sample.score.value for sample in run.results if sample.score), len(run.results)


@pytest.mark.parametrize(
    ("model", "total"),
    [
        ("openai-6b_finetuning", 286),
        ("openai-6b_verification", 515),
        ("openai-175b_finetuning", 458),
        ("openai-175b_verification", 742),
    ],
)
def test_gsm8k(pytester: pytest.Pytester, replay: Replay, model: str, total: int) -> None:
    url = replay("--replay", str(shared_data() / RECORDED_GSM8K), "--only-model", model)
    assert correct(pytester, "gsm8k", shared_data() / "gsm8k", url) == (total, 1319)


def test_mmlu_pro(pytester: pytest.Pytester, replay: Replay) -> None:
    recording = shared_data() / RECORDED_MMLU_PRO
    assert correct(pytester, "mmlu_pro", recording, replay("--replay", str(recording))) == (156, 350)
