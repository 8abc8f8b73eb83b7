"""How a deployment of Ray Serve scales, in NeMo's names."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

ONGOING = 10
"""NeMo's default for ``max_ongoing_requests`` of a replica."""


@dataclass(frozen=True)
class Scaling:
    """Replicas, and what each takes.

    Attributes:
        min_replicas, max_replicas: either of them turns autoscaling on, in place of ``num_replicas``.
        max_ongoing_requests: of a replica; more wait for their turn. None leaves it to who serves.
        target_ongoing_requests: of a replica; what autoscaling aims at.
    """

    num_replicas: int = 1
    max_ongoing_requests: int | None = None
    num_cpus_per_replica: float = 1
    num_gpus_per_replica: float = 0
    min_replicas: int | None = None
    max_replicas: int | None = None
    target_ongoing_requests: float | None = None

    def scaling_options(self) -> dict[str, Any]:
        """What ``ray.serve.llm`` takes too, which places its GPUs itself."""
        wanted = self.max_ongoing_requests
        made: dict[str, Any] = {} if wanted is None else {"max_ongoing_requests": wanted}
        if self.min_replicas is None and self.max_replicas is None:
            return {**made, "num_replicas": self.num_replicas}
        low = 1 if self.min_replicas is None else self.min_replicas
        scale: dict[str, Any] = {"min_replicas": low, "max_replicas": max(low, 1, self.max_replicas or 1)}
        if self.target_ongoing_requests is not None:
            scale["target_ongoing_requests"] = self.target_ongoing_requests
        return {**made, "autoscaling_config": scale}

    def deployment_options(self) -> dict[str, Any]:
        """Of ``serve.deployment``. A replica that was killed is missed within seconds."""
        return {
            "max_ongoing_requests": ONGOING,
            **self.scaling_options(),
            "ray_actor_options": {"num_cpus": self.num_cpus_per_replica, "num_gpus": self.num_gpus_per_replica},
            "health_check_period_s": 5,
            "graceful_shutdown_wait_loop_s": 0.2,
            "graceful_shutdown_timeout_s": 1,
        }


def add_arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--num-replicas", type=int, default=1)
    parser.add_argument("--max-ongoing-requests", type=int)
    parser.add_argument("--num-cpus-per-replica", type=float, default=1)
    parser.add_argument("--num-gpus-per-replica", type=float, default=0)
    parser.add_argument("--min-replicas", type=int)
    parser.add_argument("--max-replicas", type=int)
    parser.add_argument("--target-ongoing-requests", type=float)
    return parser


def scaling(options: argparse.Namespace) -> Scaling:
    return Scaling(
        num_replicas=options.num_replicas,
        max_ongoing_requests=options.max_ongoing_requests,
        num_cpus_per_replica=options.num_cpus_per_replica,
        num_gpus_per_replica=options.num_gpus_per_replica,
        min_replicas=options.min_replicas,
        max_replicas=options.max_replicas,
        target_ongoing_requests=options.target_ongoing_requests,
    )
