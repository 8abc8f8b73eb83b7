"""Triton Inference Server: by PyTriton with a bridge of ours, or with Triton's own OpenAI frontend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from ..config.settings import DeploymentSettings
from ..errors import ConfigError
from ..server import HOST, PORT, Probe, ServerCommand
from .base import served_name
from .own import ENVIRONMENT, HINTS, PROGRESS, checked, command_line, model_path

FRONTEND = "/opt/tritonserver/python/openai/openai_frontend/main.py"
"""In NVIDIA's containers of Triton."""
ARGUMENTS: Mapping[str, type] = {"triton_port": int, "triton_model_name": str}
_FRONTEND_ARGUMENTS = {
    "tokenizer": "--tokenizer",
    "triton_backend": "--backend",
    "lora_separator": "--lora-separator",
}


@dataclass(frozen=True)
class TritonBackend:
    """A Hugging Face model in PyTriton; with the server argument ``frontend: openai``, a model repository of Triton's.

    ``max_batch_size``, ``triton_port`` and ``triton_model_name`` are NeMo's names.
    """

    name: str = "triton"

    def command(self, deployment: DeploymentSettings) -> ServerCommand:
        if deployment.data_parallelism not in (None, 1):
            raise ConfigError("deployment.data_parallelism: triton serves one replica; the backend ray has several")
        frontend = deployment.server_args.get("frontend", "pytriton")
        if frontend not in ("pytriton", "openai"):
            raise ConfigError(f"server argument frontend: is pytriton or openai, not {frontend!r}")
        own = frontend == "pytriton"
        return ServerCommand(
            argv=_own(deployment) if own else (*_frontend(deployment),),
            environment={**ENVIRONMENT, **deployment.environment},
            port=deployment.port,
            model_id=served_name(deployment),
            probe=Probe(paths=("/health" if own else "/health/ready", "/v1/models")),
            hints=HINTS,
            progress=PROGRESS,
        )


def _own(deployment: DeploymentSettings) -> tuple[str, ...]:
    rest = {name: value for name, value in deployment.server_args.items() if name != "frontend"}
    return command_line("triton", msgspec.structs.replace(deployment, server_args=rest), ARGUMENTS)


def _frontend(deployment: DeploymentSettings) -> Iterator[str]:
    """Triton's own: ``model_path`` is a model repository, and a model is called what its folder there is called."""
    if deployment.served_model_name is None:
        raise ConfigError("deployment.served_model_name: with frontend: openai, the model's folder in the repository")
    for field in ("tensor_parallelism", "pipeline_parallelism", "gpu_memory_utilization", "max_model_len"):
        if getattr(deployment, field) is not None:
            raise ConfigError(f"deployment.{field}: with frontend: openai, the model repository says it")
    yield from (deployment.python or "python3", FRONTEND, "--model-repository", model_path(deployment))
    yield from ("--host", HOST, "--openai-port", PORT)
    for name, value in deployment.server_args.items():
        plain = name.lstrip("-").replace("-", "_")
        if plain == "frontend":
            continue
        if plain not in _FRONTEND_ARGUMENTS:
            raise ConfigError(
                f"server argument {name}: with frontend: openai there are {', '.join(_FRONTEND_ARGUMENTS)}"
            )
        yield f"{_FRONTEND_ARGUMENTS[plain]}={checked(plain, value, str)}"
