"""Starts of a real vLLM: its flags, and starts that fail."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

import pytest

from pytest_nemo_eval.backends import create_backend
from pytest_nemo_eval.config.settings import DeploymentSettings
from tests.live.conftest import Vllm
from tests.plugin.suites import task, write_suite
from tests.processes import with_argument

pytestmark = pytest.mark.live


def test_every_flag_exists(vllm: Vllm) -> None:
    deployment = DeploymentSettings(
        model_path="m",
        tensor_parallelism=2,
        pipeline_parallelism=2,
        data_parallelism=2,
        gpu_memory_utilization=0.5,
        max_model_len=100,
        server_args={"enforce-eager": True, "enable_prefix_caching": False},
    )
    argv = create_backend("vllm").command(deployment).argv
    flags = [word.partition("=")[0] for word in argv if word.startswith("--")]
    assert len(flags) >= 10
    shown = subprocess.run(
        [vllm.python.parent / "vllm", "serve", "--help=all"], capture_output=True, text=True, check=True
    ).stdout
    known = {word.strip(",[]()") for word in shown.split()}
    assert [flag for flag in flags if flag not in known] == []


@pytest.mark.parametrize(
    ("options", "environment", "advice"),
    [
        (["--model-path=no-such/model"], {}, "*check --model-path*"),
        (["--server-arg", "no-such-flag=1"], {}, "*this vLLM has no such flag*"),
        (["--max-model-len=1000000"], {}, "*lower --max-model-len*"),
        ([], {"VLLM_CPU_KVCACHE_SPACE": "100000"}, "advice: *memory*"),
    ],
    ids=["model", "flag", "length", "memory"],
)
def test_a_start_that_fails_says_what_to_do(
    pytester: pytest.Pytester,
    vllm: Vllm,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    environment: Mapping[str, str],
    advice: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    write_suite(pytester, task())
    result = pytester.runpytest_subprocess(*vllm.options, *options)
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*the server ended before it was ready: exit code *", advice])
    assert with_argument(str(pytester.path)) == []
