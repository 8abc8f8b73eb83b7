"""What is to be deployed, and who can be asked for it."""

from __future__ import annotations

import hashlib
from typing import Protocol

import msgspec

from ..config.settings import ExecutionSettings
from ..server import ServerAddress, ServerCommand


class DeploymentSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment: equal specifications share one server.

    Attributes:
        launcher: the launcher's name.
        timeout: how long the start may take, in seconds.
        restarts: how often it is started again once it has died.
        exclusive: no other deployment of the session may be up beside it.
        group: the items that need it, as the session's Demand knows them; no part of what makes it equal to another.
        identity: a stamp of the model's files, as of now; no part of it either.
    """

    command: ServerCommand
    launcher: str = "local"
    execution: ExecutionSettings = ExecutionSettings()
    timeout: float = 1800.0
    restarts: int = 0
    exclusive: bool = False
    group: str = ""
    identity: str = ""

    @property
    def key(self) -> str:
        """The same for equal specifications, in every process."""
        content = msgspec.json.encode(msgspec.structs.replace(self, group="", identity=""), order="deterministic")
        return hashlib.sha256(content).hexdigest()[:16]

    @property
    def kept_key(self) -> str:
        """The same for deployments that serve the same files with the same command, whatever the session."""
        content = (self.command, self.launcher, self.execution, self.identity)
        return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:16]

    def bars(self, other: DeploymentSpec) -> bool:
        """Whether the two cannot be up together: one is exclusive, or both are to have the same port."""
        port = self.command.port
        return self.exclusive or other.exclusive or (port is not None and port == other.command.port)


class Lender(Protocol):
    """Lends deployments: the broker, or in a worker of pytest-xdist its voice."""

    def acquire(self, spec: DeploymentSpec) -> ServerAddress:
        """The address of a ready server; the first to ask for a specification waits for its start.

        Raises:
            DeploymentError: it could not be started; said again at once to whoever asks next.
        """
        ...

    def diagnose(self, spec: DeploymentSpec) -> str | None:
        """What became of a server; None while it runs."""
        ...
