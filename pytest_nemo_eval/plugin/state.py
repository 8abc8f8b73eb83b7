"""What an active session holds: settings, connections, the lender of deployments, the folder of its Runs."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..client import Pool
from ..config.options import EvalSettings, Serving
from ..deployment import Lender
from ..server import ServerAddress
from .announce import Announcer

if TYPE_CHECKING:
    from ..deployment import DeploymentSpec


@dataclass(frozen=True)
class Served:
    """What serves an endpoint, for a Run's provenance and for words on its death."""

    serving: Serving
    address: ServerAddress | None = None
    spec: DeploymentSpec | None = None


@dataclass
class EvalSession:
    """One per process that runs evaluations: a plain pytest, or a worker of pytest-xdist.

    Attributes:
        lender: deploys, or asks the controller's broker to.
        folder: where this session's Runs are written.
        served: by base URL, what this process borrowed.
    """

    settings: EvalSettings
    lender: Lender
    folder: Path
    announcer: Announcer
    served: dict[str, Served] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def pool(self) -> Pool:
        pool = Pool()
        self.stack.callback(pool.close)
        return pool

    def run_folder(self, nodeid: str) -> Path:
        """A folder that no Run has yet."""
        name = re.sub(r"[^A-Za-z0-9_.+=-]+", "_", nodeid).strip("_")[-150:]
        folder, count = self.folder / name, 1
        while folder.exists():
            count += 1
            folder = self.folder / f"{name}-{count}"
        return folder

    def close(self) -> None:
        """Connections first: a server that still has one open may refuse to end."""
        self.stack.close()


SESSION = pytest.StashKey[EvalSession]()


def session_of(config: pytest.Config) -> EvalSession:
    """The active session; a test that asks for our fixtures only as it runs makes one."""
    if SESSION not in config.stash:
        from .active import activate

        activate(config, [])
    return config.stash[SESSION]


def output_folder(config: pytest.Config, settings: EvalSettings, name: str) -> Path:
    """The folder of a session's Runs; a relative one is taken from where pytest was started."""
    return config.invocation_params.dir / Path(settings.output).expanduser() / name
