"""The README's first command, with real data too: one server start however many workers, and nothing left."""

from __future__ import annotations

import shutil

import pytest

from pytest_nemo_eval import read_run
from tests.live.conftest import ROOT, Vllm
from tests.plugin.suites import runs
from tests.processes import with_argument
from tests.shared_data import shared_data

pytestmark = pytest.mark.live

REAL_DATA = """
evaluation:
  tasks:
    - name: gsm8k
      num_fewshot: 0
      dataset: {{path: {data}/gsm8k}}
      params: {{limit_samples: 40, max_new_tokens: 256}}
    - name: mmlu_pro
      num_fewshot: 0
      dataset: {{path: {data}/mmlu_pro}}
      params: {{limit_samples: 40, max_new_tokens: 256}}
"""


def one_start_and_nothing_left(result: pytest.RunResult, vllm: Vllm) -> bool:
    return result.stdout.str().count("deploying: ") == 1 and with_argument(str(vllm.model)) == []


@pytest.mark.parametrize("mode", [(), ("-n", "2")], ids=["serial", "n2"])
def test_the_quickstart(pytester: pytest.Pytester, vllm: Vllm, mode: tuple[str, ...]) -> None:
    shutil.copytree(ROOT / "example_suites" / "quickstart", pytester.path / "quickstart")
    result = pytester.runpytest_subprocess(*vllm.options, "--html=report.html", "--self-contained-html", *mode)
    result.assert_outcomes(passed=3)
    assert result.ret == 0
    assert one_start_and_nothing_left(result, vllm)
    for folder in runs(pytester):
        record = read_run(folder).record
        assert record.benchmark.scores["accuracy"].n >= 60
        assert record.counts.errors == 0
        assert (record.model.backend, record.model.launcher) == ("vllm", "local")
        assert record.model.server_version
        assert record.model.weights_fingerprint
    html = (pytester.path / "report.html").read_text()
    assert html.count("col-verdict") >= 3


@pytest.mark.parametrize("mode", [(), ("-n", "2")], ids=["serial", "n2"])
def test_real_benchmarks(pytester: pytest.Pytester, vllm: Vllm, mode: tuple[str, ...]) -> None:
    (pytester.path / "eval_real.yaml").write_text(REAL_DATA.format(data=shared_data()))
    result = pytester.runpytest_subprocess(*vllm.options, *mode)
    result.assert_outcomes(passed=2)
    assert result.ret == 0
    assert one_start_and_nothing_left(result, vllm)
    for folder in runs(pytester):
        run = read_run(folder)
        assert len(run.results) == 40
        assert run.record.counts.errors == 0
        assert all(result.reply for result in run.results)


def test_the_pages_local_file(pytester: pytest.Pytester, vllm: Vllm) -> None:
    """local_with_deployment.yaml as it stands, with the model's path alone put in; a few questions of each."""
    page = ROOT / "example_suites" / "deployment_page" / "local_with_deployment.yaml"
    result = pytester.runpytest_subprocess(
        str(page),
        *("-o", f"deployment.model_path={vllm.model}", "-o", f"eval_data={shared_data()}"),
        *("-o", f"eval_output={pytester.path / 'eval-runs'}", "--eval-limit=3", *vllm.options_without_model),
    )
    result.assert_outcomes(passed=2)
    assert result.ret == 0
    command = read_run(runs(pytester)[0]).record.model.server_command
    assert command[3:9] == ("--host", "127.0.0.1", "--port", "8080", "--served-model-name", "deployed-model")
    assert one_start_and_nothing_left(result, vllm)
