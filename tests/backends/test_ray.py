from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_nemo_eval.backends.ray import RayBackend
from pytest_nemo_eval.config.settings import DeploymentSettings
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.server import ServerCommand
from pytest_nemo_eval.servers import common, ray, ray_settings
from pytest_nemo_eval.servers.ray_llm import llm_arguments
from tests.backends import golden

CASES = {
    "ray_minimal": DeploymentSettings(type="ray", model_path="meta-llama/Llama-3.1-8B-Instruct"),
    "ray_everything": DeploymentSettings(
        type="ray",
        model_path="/models/llama",
        served_model_name="llama",
        port=8080,
        tensor_parallelism=4,
        pipeline_parallelism=2,
        gpu_memory_utilization=0.9,
        max_model_len=4096,
        python="/envs/ray/bin/python",
        server_args={
            "num_replicas": 2,
            "max_ongoing_requests": 10,
            "num_cpus_per_replica": 8,
            "num-gpus-per-replica": 0.5,
            "max_batch_size": 32,
            "batch_wait_timeout_s": 0.1,
            "engine": "vllm",
            "dtype": "bfloat16",
        },
        environment={"RAY_ADDRESS": "10.0.0.1:6379"},
    ),
    "ray_autoscaling": DeploymentSettings(
        type="ray",
        model_path="m",
        server_args={"min_replicas": 1, "max_replicas": 4, "target_ongoing_requests": 2.5},
    ),
}


def command(**settings: object) -> ServerCommand:
    return RayBackend().command(DeploymentSettings(type="ray", model_path="m", **settings))  # type: ignore[arg-type]


def parsed(name: str) -> tuple[common.ModelSettings, ray_settings.Scaling]:
    """What the program makes of the command line."""
    words = RayBackend().command(CASES[name]).at("127.0.0.1", 8080)
    options = ray.make_parser().parse_args(words[3:])
    return common.model_settings(options), ray_settings.scaling(options)


@pytest.mark.parametrize("name", CASES)
def test_command_lines(name: str) -> None:
    assert golden.as_text(RayBackend().command(CASES[name])) == golden.read(name)


def test_every_golden_file_has_its_case() -> None:
    assert golden.names("ray") == {*CASES, *(f"ray_llm_{name[4:]}" for name in CASES)}


@pytest.mark.parametrize("name", CASES)
def test_arguments_of_ray_serve_llm(name: str) -> None:
    made = json.dumps(llm_arguments(*parsed(name)), indent=2) + "\n"
    assert made == golden.read(f"ray_llm_{name[4:]}")


def test_options_of_a_deployment() -> None:
    assert parsed("ray_everything")[1].deployment_options() == {
        "max_ongoing_requests": 10,
        "num_replicas": 2,
        "ray_actor_options": {"num_cpus": 8.0, "num_gpus": 0.5},
        "health_check_period_s": 5,
        "graceful_shutdown_wait_loop_s": 0.2,
        "graceful_shutdown_timeout_s": 1,
    }
    assert parsed("ray_minimal")[1].deployment_options()["max_ongoing_requests"] == 10
    assert parsed("ray_autoscaling")[1].scaling_options() == {
        "autoscaling_config": {"min_replicas": 1, "max_replicas": 4, "target_ongoing_requests": 2.5},
    }


@pytest.mark.parametrize(("low", "high", "bounds"), [(2, None, (2, 2)), (None, 3, (1, 3)), (0, None, (0, 1))])
def test_one_bound_of_autoscaling_is_enough(low: int | None, high: int | None, bounds: tuple[int, int]) -> None:
    made = ray_settings.Scaling(min_replicas=low, max_replicas=high).scaling_options()["autoscaling_config"]
    assert (made["min_replicas"], made["max_replicas"]) == bounds


def test_data_parallelism_is_replicas() -> None:
    assert command(data_parallelism=3).argv[-1] == "--num-replicas=3"
    with pytest.raises(ConfigError, match="give one of them"):
        command(data_parallelism=3, server_args={"num-replicas": 2})


def test_what_it_has_not() -> None:
    with pytest.raises(ConfigError, match="ray has none of this name; did you mean num_replicas"):
        command(server_args={"replicas": 2})
    with pytest.raises(ConfigError, match=r"num_replicas: takes a whole number, not 1\.5"):
        command(server_args={"num_replicas": 1.5})


@pytest.mark.parametrize("written", ["here/model", "./here/model", "../model/here/model", "~/here/model"])
def test_a_folder_is_named_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """A worker of a cluster that is joined runs in another place."""
    (tmp_path / "model" / "here" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "model")
    monkeypatch.setenv("HOME", str(tmp_path / "model"))
    argv = RayBackend().command(DeploymentSettings(type="ray", model_path=written)).argv
    path = Path(argv[argv.index("--model") + 1])
    assert path.is_absolute()
    assert path.samefile(tmp_path / "model" / "here" / "model")
    assert argv[argv.index("--served-model-name") + 1] == "model"
    other = RayBackend().command(DeploymentSettings(type="ray", model_path="org/model")).argv
    assert other[other.index("--model") + 1] == "org/model"


def test_parallelism_that_does_not_fit_is_said_before_a_ray_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    words = ["--model=m", "--served-model-name=m", "--host=127.0.0.1", "--port=1", "--engine=transformers"]
    with pytest.raises(common.ServerError, match="has no tensor or pipeline parallelism"):
        ray.main([*words, "--tensor-parallel-size=2"])
    with pytest.raises(common.ServerError, match="engine onnx: there are auto"):
        ray.main([*words[:-1], "--engine=onnx"])
