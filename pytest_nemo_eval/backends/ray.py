"""Ray Serve: replicas of a server of ours, or of ``ray.serve.llm`` on hosts with a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..config.settings import DeploymentSettings
from ..errors import ConfigError
from ..server import Probe, ServerCommand
from .base import served_name
from .own import ENVIRONMENT, HINTS, PROGRESS, command_line

_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_COLOR_PREFIX": "0"}
ARGUMENTS: Mapping[str, type] = {
    "num_replicas": int,
    "max_ongoing_requests": int,
    "num_cpus_per_replica": float,
    "num_gpus_per_replica": float,
    "min_replicas": int,
    "max_replicas": int,
    "target_ongoing_requests": float,
}


@dataclass(frozen=True)
class RayBackend:
    """Joins the cluster of ``RAY_ADDRESS``, or starts a Ray of its own that ends with it. The names are NeMo's."""

    name: str = "ray"

    def command(self, deployment: DeploymentSettings) -> ServerCommand:
        words = command_line("ray", deployment, ARGUMENTS)
        if deployment.data_parallelism is not None:
            if any(word.startswith("--num-replicas=") for word in words):
                raise ConfigError("deployment.data_parallelism and the server argument num_replicas: give one of them")
            words = (*words, f"--num-replicas={deployment.data_parallelism}")
        return ServerCommand(
            argv=words,
            environment={**ENVIRONMENT, **_ENVIRONMENT, **deployment.environment},
            port=deployment.port,
            model_id=served_name(deployment),
            probe=Probe(paths=("/v1/models",)),
            hints=HINTS,
            progress=PROGRESS,
        )
