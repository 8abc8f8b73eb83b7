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
      params: {{limit_samples: 40, max_new_tokens: 48}}
    - name: mmlu_pro
      num_fewshot: 0
      dataset: {{path: {data}/mmlu_pro}}
      params: {{limit_samples: 40, max_new_tokens: 48}}
"""


def one_start_and_nothing_left(result: pytest.RunResult, vllm: Vllm) -> bool:
    return result.stdout.str().count("deploying: ") == 1 and with_argument(str(vllm.model)) == []


@pytest.mark.parametrize("mode", [(), ("-n", "2")], ids=["serial", "n2"])
def test_the_quickstart_and_real_benchmarks(pytester: pytest.Pytester, vllm: Vllm, mode: tuple[str, ...]) -> None:
    """In one session, which is one start."""
    shutil.copytree(ROOT / "example_suites" / "quickstart", pytester.path / "quickstart")
    (pytester.path / "eval_real.yaml").write_text(REAL_DATA.format(data=shared_data()))
    result = pytester.runpytest_subprocess(*vllm.options, "--html=report.html", "--self-contained-html", *mode)
    result.assert_outcomes(passed=5)
    assert result.ret == 0
    assert one_start_and_nothing_left(result, vllm)
    result.stdout.fnmatch_lines(["verdict: GO*"])
    assert len(runs(pytester)) == 5
    for folder in runs(pytester):
        run = read_run(folder)
        record = run.record
        assert len(run.results) == record.benchmark.scores["accuracy"].n >= 40
        assert record.counts.errors == 0
        assert all(result.reply for result in run.results)
        assert (record.model.backend, record.model.launcher) == ("vllm", "local")
        assert record.model.server_version
        assert record.model.weights_fingerprint
        assert record.model.chat_template is True
    html = (pytester.path / "report.html").read_text()
    assert html.count("col-verdict") >= 5


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
