"""How the controller of pytest-xdist and its workers meet, so that all of them share one broker.

The controller does not collect, so it learns from its workers that there is something to evaluate: a worker leaves a
marker in a folder whose name the controller gave it, and the controller then starts the broker and leaves its address
there. All of it happens before the first test runs; a session without evaluations opens nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ..deployment import BrokerServer, DeploymentSpec, RemoteBroker
from ..errors import DeploymentError
from ..server import ServerAddress

MARKER = "evaluates"
ADDRESS = "broker.json"
ENDING = "ending"


class Address(msgspec.Struct, frozen=True):
    """Where the controller's broker listens, and the word that it wants to hear."""

    url: str
    token: str


class MeetingPoint:
    """The folder where they meet; made by the first worker that has something to evaluate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def announce(self, groups: Mapping[str, str]) -> None:
        """In a worker: there is something to evaluate, and which items share a deployment. All workers say the same."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        new = self.folder / f"{MARKER}.{os.getpid()}"
        new.write_bytes(msgspec.json.encode(groups))
        new.replace(self.folder / MARKER)

    def announced(self) -> bool:
        """In the controller: whether a worker has said so."""
        return (self.folder / MARKER).exists()

    def groups(self) -> dict[str, str]:
        """In the controller: item to group, as the workers said."""
        return msgspec.json.decode((self.folder / MARKER).read_bytes(), type=dict[str, str])

    def publish(self, server: BrokerServer) -> None:
        """In the controller: leave the broker's address."""
        new = self.folder / f"{ADDRESS}.new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(Address(server.url, server.token)))
        new.replace(self.folder / ADDRESS)

    def end(self) -> None:
        """In the controller: the user wants to stop. From pytest-xdist, workers hear it only between two tests."""
        with contextlib.suppress(OSError):
            (self.folder / ENDING).touch()

    def broker(self) -> RemoteBroker:
        """In a worker: the controller's broker.

        Raises:
            DeploymentError: the controller is on another machine.
        """
        try:
            address = msgspec.json.decode((self.folder / ADDRESS).read_bytes(), type=Address)
        except OSError:
            raise DeploymentError(
                "the controller of pytest-xdist cannot be reached: workers on other machines share no deployment"
            ) from None
        return RemoteBroker(address.url, address.token)

    def remove(self) -> None:
        """In the controller, at the end."""
        shutil.rmtree(self.folder, ignore_errors=True)


class MeetingLender:
    """In a worker: lends from the controller's broker, which is looked up at first use."""

    def __init__(self, meeting: MeetingPoint) -> None:
        self._meeting = meeting

    def acquire(self, spec: DeploymentSpec) -> ServerAddress:
        return self._meeting.broker().acquire(spec)

    def diagnose(self, spec: DeploymentSpec) -> str | None:
        return self._meeting.broker().diagnose(spec)
