"""vLLM's OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..config.settings import DeploymentSettings
from ..errors import ConfigError
from ..server import HOST, PORT, LogHint, Probe, ServerCommand
from .base import served_name

HINTS = (
    LogHint(
        text="LocalEntryNotFoundError",
        advice="the model is neither a folder nor in the hub's cache: check --model-path",
    ),
    LogHint(
        text="RepositoryNotFoundError",
        advice="the hub has no such model: check --model-path (and HF_TOKEN, if it is gated)",
    ),
    LogHint(text="is not a local folder and is not a valid model identifier", advice="check --model-path"),
    LogHint(text="Repo id must", advice="the model is neither a folder nor a hub id: check --model-path"),
    LogHint(text="Address already in use", advice="the port is taken: leave deployment.port out to get a free one"),
    LogHint(
        text="unrecognized arguments",
        advice="this vLLM has no such flag: check --server-arg and deployment.server_args",
    ),
    LogHint(
        text="CUDA out of memory", advice="lower --max-model-len or deployment.gpu_memory_utilization, or use more GPUs"
    ),
    LogHint(
        text="less than desired",
        advice="not enough free memory: lower deployment.gpu_memory_utilization, or end what else runs",
    ),
    LogHint(
        text="less than requested",
        advice="not enough free memory: lower deployment.gpu_memory_utilization, or end what else runs",
    ),
    LogHint(
        text="larger than the available KV cache memory", advice="lower --max-model-len, or give the cache more memory"
    ),
    LogHint(
        text="is greater than the derived max_model_len",
        advice="the model allows no such context: lower --max-model-len",
    ),
    LogHint(
        text="No module named", advice="the server's environment is incomplete: deployment.python names one with vLLM"
    ),
)
PROGRESS = (
    "Loading weights",
    "Loading safetensors",
    "Model loading took",
    "KV cache size",
    "Capturing",
    "torch.compile takes",
)

_FLAGS = {
    "tensor_parallelism": "--tensor-parallel-size",
    "pipeline_parallelism": "--pipeline-parallel-size",
    "data_parallelism": "--data-parallel-size",
    "gpu_memory_utilization": "--gpu-memory-utilization",
    "max_model_len": "--max-model-len",
}
_ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_API_KEY": "",  # the server listens on loopback; a key of the user's would lock the evaluation out
}
_SECRETS = ("api-key", "hf-token")
_OURS = {"host", "port", "served-model-name", "api-key", "model", *(flag[2:] for flag in _FLAGS.values())}


@dataclass(frozen=True)
class VllmBackend:
    """``vllm serve``, out of PATH or out of the environment of ``deployment.python``."""

    name: str = "vllm"

    def command(self, deployment: DeploymentSettings) -> ServerCommand:
        return ServerCommand(
            argv=(*_executable(deployment), *_arguments(deployment)),
            environment={**_ENVIRONMENT, **deployment.environment},
            port=deployment.port,
            model_id=served_name(deployment),
            probe=Probe(paths=("/health", "/v1/models")),
            hints=HINTS,
            progress=PROGRESS,
        )


def _executable(deployment: DeploymentSettings) -> tuple[str, ...]:
    if deployment.python is None:
        return ("vllm",)
    python = Path(deployment.python).expanduser()
    return (str(python.parent / "vllm"),)


def _arguments(deployment: DeploymentSettings) -> Iterator[str]:
    model = deployment.model_path or ""
    if model.startswith("~"):
        model = str(Path(model).expanduser())
    yield from ("serve", model, "--host", HOST, "--port", PORT, "--served-model-name", served_name(deployment))
    for field, flag in _FLAGS.items():
        value: float | None = getattr(deployment, field)
        if value is not None:
            yield from (flag, str(value))
    yield from _further(deployment.server_args)


def _further(arguments: Mapping[str, str | int | float | bool]) -> Iterator[str]:
    for name, value in arguments.items():
        head, dot, tail = name.lstrip("-").partition(".")  # the keys of a nested argument are the server's own
        flag = head.replace("_", "-")
        if "=" in name or not flag:
            raise ConfigError(f"server argument {name!r}: write it as KEY: VALUE, or --server-arg KEY=VALUE")
        if _is_secret(flag) and not isinstance(value, bool):
            raise ConfigError(
                f"server argument {flag}: a key on a command line shows in the process list. The server listens on "
                "loopback and needs none; a token of the Hugging Face hub goes into the environment variable HF_TOKEN"
            )
        if flag in _OURS:
            raise ConfigError(f"server argument {flag}: has a setting of its own (see `deployment` in the README)")
        if value is True:
            yield f"--{flag}{dot}{tail}"
        elif value is False:
            yield f"--no-{flag}{dot}{tail}"
        else:
            yield f"--{flag}{dot}{tail}={value}"


def _is_secret(flag: str) -> bool:
    """vLLM takes a flag's beginning for the flag."""
    return any(secret.startswith(flag) and len(flag) > 2 for secret in _SECRETS)
