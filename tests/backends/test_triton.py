from __future__ import annotations

import pytest

from pytest_nemo_eval.backends.triton import TritonBackend
from pytest_nemo_eval.config.settings import DeploymentSettings
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.server import ServerCommand
from tests.backends import golden

CASES = {
    "triton_minimal": DeploymentSettings(type="triton", model_path="meta-llama/Llama-3.1-8B-Instruct"),
    "triton_everything": DeploymentSettings(
        type="triton",
        model_path="/models/llama",
        served_model_name="llama",
        port=8080,
        tensor_parallelism=4,
        pipeline_parallelism=2,
        data_parallelism=1,
        gpu_memory_utilization=0.9,
        max_model_len=4096,
        python="/envs/triton/bin/python",
        server_args={
            "triton_port": 8000,
            "triton-model-name": "llama",
            "--max_batch_size": 16,
            "batch_wait_timeout_s": 0.1,
            "dtype": "bfloat16",
            "engine": "vllm",
            "device": "cuda",
            "frontend": "pytriton",
        },
        environment={"OMP_NUM_THREADS": "2"},
    ),
    "triton_own_frontend": DeploymentSettings(
        type="triton",
        model_path="/models/repository",
        served_model_name="llama-3.1-8b-instruct",
        port=9000,
        server_args={
            "frontend": "openai",
            "tokenizer": "meta-llama/Llama-3.1-8B-Instruct",
            "triton_backend": "vllm",
        },
    ),
}


def command(**settings: object) -> ServerCommand:
    return TritonBackend().command(DeploymentSettings(type="triton", model_path="m", **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CASES)
def test_command_lines(name: str) -> None:
    assert golden.as_text(TritonBackend().command(CASES[name])) == golden.read(name)


def test_every_golden_file_has_its_case() -> None:
    assert golden.names("triton") == set(CASES)


def test_readiness_is_that_of_the_model() -> None:
    assert command().probe.paths == ("/health", "/v1/models")
    assert TritonBackend().command(CASES["triton_own_frontend"]).probe.paths == ("/health/ready", "/v1/models")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data_parallelism": 2}, "triton serves one replica"),
        ({"server_args": {"frontend": "kserve"}}, "is pytriton or openai, not 'kserve'"),
        ({"server_args": {"frontend": "openai"}}, "deployment.served_model_name: .* the model's folder"),
        ({"server_args": {"max_batch_sise": 2}}, "triton has none of this name; did you mean max_batch_size"),
        ({"server_args": {"num_replicas": 2}}, "triton has none of this name"),
        ({"server_args": {"max_batch_size": "many"}}, "max_batch_size: takes a whole number, not 'many'"),
        ({"server_args": {"max_batch_size": True}}, "takes a whole number, not True"),
        ({"server_args": {"triton_model_name": 3}}, "takes a text, not 3"),
    ],
)
def test_what_it_has_not(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        command(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_model_len": 2048}, "deployment.max_model_len: .* the model repository says it"),
        ({"tensor_parallelism": 2}, "deployment.tensor_parallelism"),
        ({"server_args": {"frontend": "openai", "max_batch_size": 2}}, "there are tokenizer, triton_backend"),
        ({"server_args": {"frontend": "openai", "tokenizer": True}}, "tokenizer: takes a text"),
    ],
)
def test_what_its_own_frontend_has_not(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        command(**{"served_model_name": "m", "server_args": {"frontend": "openai"}, **settings})
