"""What a backend is."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Protocol

from ..config.settings import DeploymentSettings
from ..server import ServerCommand


class Backend(Protocol):
    """Knows one kind of model server."""

    @property
    def name(self) -> str: ...

    def command(self, deployment: DeploymentSettings) -> ServerCommand:
        """The server's command line, environment and probe; starts nothing.

        Raises:
            ConfigError: a setting that this server does not have.
        """
        ...


def served_name(deployment: DeploymentSettings) -> str:
    """The name that requests carry: ``served_model_name``, else the last part of the model's path."""
    if deployment.served_model_name:
        return deployment.served_model_name
    name = PurePosixPath(deployment.model_path or "").name
    return name if name.strip(".") else "model"
