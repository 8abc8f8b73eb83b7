from __future__ import annotations

from pathlib import Path

import pytest

from pytest_nemo_eval.backends.vllm import VllmBackend
from pytest_nemo_eval.config.settings import DeploymentSettings
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.server import ServerCommand

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = {
    "vllm_minimal": DeploymentSettings(model_path="meta-llama/Llama-3.1-8B-Instruct"),
    "vllm_fixed_port": DeploymentSettings(model_path="/models/llama-3.1/", port=8080),
    "vllm_own_python": DeploymentSettings(
        model_path="/models/SmolLM2-135M-Instruct",
        served_model_name="smol",
        python="/envs/vllm/bin/python3.11",
        max_model_len=2048,
    ),
    "vllm_everything": DeploymentSettings(
        model_path="meta-llama/Llama-3.1-70B-Instruct",
        served_model_name="llama",
        port=9000,
        tensor_parallelism=4,
        pipeline_parallelism=2,
        data_parallelism=3,
        gpu_memory_utilization=0.85,
        max_model_len=131072,
        python="/envs/vllm/bin/python",
        server_args={
            "enforce-eager": True,
            "enable_prefix_caching": False,
            "--max-num-seqs": 64,
            "swap-space": 1.5,
            "dtype": "bfloat16",
            "chat-template": "a file.jinja",
        },
        environment={"VLLM_LOGGING_LEVEL": "DEBUG", "HF_HOME": "/cache/huggingface"},
    ),
}


def as_text(command: ServerCommand) -> str:
    """Environment lines, an empty one, then the command line, one word a line; at the port that the user asked for."""
    environment = [f"{name}={value}" for name, value in sorted(command.environment.items())]
    words = command.argv if command.port is None else command.at("127.0.0.1", command.port)
    return "\n".join([*environment, "", *words]) + "\n"


def command(**settings: object) -> ServerCommand:
    return VllmBackend().command(DeploymentSettings(model_path="m", **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CASES)
def test_command_lines(name: str) -> None:
    assert as_text(VllmBackend().command(CASES[name])) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_every_golden_file_has_its_case() -> None:
    assert {path.stem for path in GOLDEN.glob("vllm_*.txt")} == set(CASES)


def test_a_home_folder_is_spelled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    made = VllmBackend().command(DeploymentSettings(model_path="~/models/tiny", python="~/vllm/bin/python"))
    assert made.argv[:3] == ("/home/someone/vllm/bin/vllm", "serve", "/home/someone/models/tiny")
    assert made.model_id == "tiny"


def test_the_users_environment_wins() -> None:
    assert command(environment={"DO_NOT_TRACK": "0"}).environment == {**command().environment, "DO_NOT_TRACK": "0"}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (True, "--some-flag"),
        (False, "--no-some-flag"),
        (0, "--some-flag=0"),
        (1, "--some-flag=1"),
        (0.0, "--some-flag=0.0"),
        ("", "--some-flag="),
        ("true", "--some-flag=true"),
        ('{"a": [1, 2]}', '--some-flag={"a": [1, 2]}'),
        ("--other", "--some-flag=--other"),
    ],
)
@pytest.mark.parametrize("name", ["some-flag", "some_flag", "--some-flag"])
def test_a_server_argument_is_one_word(name: str, value: str | float | bool, word: str) -> None:
    assert command(server_args={name: value}).argv == (*command().argv, word)


def test_server_arguments_keep_their_order() -> None:
    assert command(server_args={"b": 1, "a": 2}).argv[-2:] == ("--b=1", "--a=2")


def test_the_keys_of_a_nested_argument_are_the_servers_own() -> None:
    made = command(server_args={"hf_overrides.max_position_embeddings": 8192})
    assert made.argv[-1] == "--hf-overrides.max_position_embeddings=8192"


@pytest.mark.parametrize("name", ["api-key", "api_key", "--api-key", "--api_key", "api-k", "hf-token", "hf_tok"])
def test_a_key_never_stands_on_a_command_line(name: str) -> None:
    with pytest.raises(ConfigError, match="a key on a command line shows in the process list") as caught:
        command(server_args={name: "sk-secret"})
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["api-key=sk", "--", ""])
def test_what_is_no_name_is_no_server_argument(name: str) -> None:
    with pytest.raises(ConfigError, match="write it as KEY: VALUE"):
        command(server_args={name: True})


def test_a_users_own_key_does_not_lock_the_evaluation_out() -> None:
    assert command().environment["VLLM_API_KEY"] == ""


@pytest.mark.parametrize(
    ("path", "name"), [("a/b/", "b"), ("/models/llama-3.1", "llama-3.1"), (".", "model"), ("..", "model")]
)
def test_served_names(path: str, name: str) -> None:
    assert VllmBackend().command(DeploymentSettings(model_path=path)).model_id == name


@pytest.mark.parametrize(
    "name",
    [
        "host",
        "port",
        "model",
        "served-model-name",
        "tensor_parallel_size",
        "pipeline-parallel-size",
        "--data-parallel-size",
        "gpu-memory-utilization",
        "max_model_len",
    ],
)
def test_what_has_a_setting_of_its_own_is_no_server_argument(name: str) -> None:
    flag = name.lstrip("-").replace("_", "-")
    with pytest.raises(ConfigError, match=f"server argument {flag}: has a setting of its own"):
        command(server_args={name: 1})
