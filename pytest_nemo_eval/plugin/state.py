"""What an active session holds: settings, connections, the lender of deployments, the folder of its Runs."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..client import Limiter, Pool, SharedBudget
from ..client.replay import Replay
from ..config.options import EvalSettings, Serving
from ..deployment import Lender
from ..endpoint import REPLAY_SCHEME, Endpoint
from ..evaluation import Place
from ..server import ServerAddress
from .announce import Announcer
from .meeting import ENDING

if TYPE_CHECKING:
    from ..deployment import DeploymentSpec
    from .ahead import Ahead

MOST_IN_PROGRESS = 1024
OTHER_FILES = 128


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
        shared: a folder in which the workers of pytest-xdist share their limits; None where there are none.
        ahead: what was sent ahead of its item.
        measured: the Runs of the baseline model, by item (without the model) and which of its runs.
        wake: set when something happened that the main thread waits for.
    """

    settings: EvalSettings
    lender: Lender
    folder: Path
    announcer: Announcer
    served: dict[str, Served] = field(default_factory=dict)
    shared: Path | None = None
    ahead: Ahead | None = None
    measured: dict[tuple[str, int], Place] = field(default_factory=dict)
    wake: threading.Event = field(default_factory=threading.Event)
    parent: int = field(default_factory=os.getppid)
    started: float = field(default_factory=time.monotonic)
    limiters: dict[str, Limiter] = field(default_factory=dict)
    replays: dict[str, Replay] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def pool(self) -> Pool:
        pool = Pool()
        self.stack.callback(pool.close)
        return pool

    @property
    def orphaned(self) -> bool:
        """Whether this is a worker of pytest-xdist whose controller was killed, or interrupted."""
        if self.shared is None:
            return False
        return os.getppid() != self.parent or (self.shared / ENDING).exists()

    def replay(self, url: str) -> Replay:
        """The answers of a ``replay:`` URL; read once.

        Raises:
            ConfigError: there are none.
        """
        if url not in self.replays:
            self.replays[url] = Replay(Path(url.removeprefix(REPLAY_SCHEME)))
        return self.replays[url]

    def limiter(self, endpoint: Endpoint) -> Limiter:
        """How many samples may be in progress at an endpoint: one limit for all items, one budget for all workers."""
        url = endpoint.base_url
        if url not in self.limiters:
            most = self.settings.concurrency or most_in_progress()
            budget = None
            if self.shared is not None:
                name = f"budget-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
                budget = SharedBudget(self.shared / name, most)
                self.stack.callback(budget.close)
            self.limiters[url] = Limiter(most, adaptive=self.settings.concurrency is None, budget=budget)
        return self.limiters[url]

    def seconds_left(self, deadline: float | None) -> float | None:
        """What a benchmark's and the session's deadline leave for asking; None without either."""
        session = self.settings.deadline
        left = None if session is None else max(0.0, session - (time.monotonic() - self.started))
        return min((seconds for seconds in (left, deadline) if seconds is not None), default=None)

    def run_folder(self, nodeid: str) -> Path:
        """A folder that no Run has yet."""
        name = re.sub(r"[^A-Za-z0-9_.+=-]+", "_", nodeid).strip("_")[-150:]
        folder, count = self.folder / name, 1
        while folder.exists():
            count += 1
            folder = self.folder / f"{name}-{count}"
        return folder

    def close(self) -> None:
        """Requests and connections first: a server that still has one open may refuse to end."""
        if self.ahead is not None:
            self.ahead.close()
        self.stack.close()


def most_in_progress() -> int:
    """Where nobody says: at most 1024, and no more than this process may open connections for."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_IN_PROGRESS if files == resource.RLIM_INFINITY else max(1, min(MOST_IN_PROGRESS, files - OTHER_FILES))


def restarts_of(session: EvalSession, endpoint: Endpoint) -> int:
    """How often the deployment behind an endpoint had been started again when this process borrowed it."""
    served = session.served.get(endpoint.base_url)
    return served.address.restarts if served is not None and served.address is not None else 0


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
