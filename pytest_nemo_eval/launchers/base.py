"""What a launcher is."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ..server import ServerCommand


class Server(Protocol):
    """A server that a launcher has started."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def argv(self) -> tuple[str, ...]: ...

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        ...

    def stop(self) -> None:
        """End it; returns when nothing is left of it. Idempotent."""
        ...

    def keep(self) -> int | None:
        """Let it outlive this process; returns the process that ends it at SIGTERM, None where that cannot be."""
        ...


class Launcher(Protocol):
    """Runs servers in one kind of place."""

    def start(self, command: ServerCommand, log: Path) -> Server:
        """Start a server whose output goes to ``log``; does not wait until it is ready.

        Raises:
            DeploymentError: it cannot be started.
        """
        ...
