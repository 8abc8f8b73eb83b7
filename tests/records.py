"""A Run's record, to be changed by whoever needs another."""

from __future__ import annotations

from pytest_nemo_eval import RunRecord
from pytest_nemo_eval.runs import ModelRecord, RunStatus
from pytest_nemo_eval.runs.record import BenchmarkRecord

RECORD = RunRecord(
    status=RunStatus.FINISHED,
    item="eval_it.yaml::gsm8k",
    started="",
    benchmark=BenchmarkRecord(
        name="gsm8k",
        variant="lm-eval",
        version="1",
        samples=3,
        repeats=1,
        num_fewshot=0,
        reference_fewshot=5,
        scorer="numeric",
        parameters={"temperature": 0.0},
        data="",
        data_fingerprint="d",
        prompt_fingerprint="p",
    ),
    model=ModelRecord(id="m", url="", protocol="chat"),
)
