"""Owns what is deployed."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DeploymentError, EvalError
from ..launchers import Server, create_launcher
from ..server import ServerAddress
from . import kept
from .demand import Demand
from .readiness import describe_end, wait_until_ready
from .spec import DeploymentSpec

CLOSE_SECONDS = 30.0
END_COMMAND = "python -m pytest_nemo_eval.deployment end"
PATIENCE_SECONDS = 10.0
"""How long a deployment must have been idle before it makes room for one that it bars, although items need it later."""


@dataclass(eq=False)
class _Deployment:
    """One server on its way up, up, or failed.

    Attributes:
        groups: the groups of items that have borrowed it.
        released: it is ended before the session; whoever still wants it gets another.
    """

    spec: DeploymentSpec
    log: Path
    lock: threading.Lock = field(default_factory=threading.Lock)
    groups: set[str] = field(default_factory=set)
    released: bool = False
    server: Server | None = None
    address: ServerAddress | None = None
    restarts: int = 0
    failure: str | None = None


@dataclass(frozen=True)
class Watch:
    """Who is told of starts; what they raise is an error of the start."""

    before: Callable[[DeploymentSpec], None] = lambda spec: None
    after: Callable[[DeploymentSpec, ServerAddress], None] = lambda spec, address: None


class Broker:
    """Deploys at first use, lends to all, ends what no item needs any more, and at last everything. Thread-safe.

    Deployments that bar each other take turns: whoever needs one waits until no item needs the other, or until it has
    been idle for a while.

    Args:
        folder: for the servers' logs; made by the first deployment.
        report: shows a line to whoever waits.
        demand: which items there are.
        keep: leave servers up, for the sessions to come.
        watch: is told of starts.
    """

    def __init__(
        self,
        folder: Path,
        report: Callable[[str], None],
        demand: Demand | None = None,
        keep: bool = False,
        watch: Watch = Watch(),
    ) -> None:
        self._folder = folder
        self._report = report
        self._demand = demand if demand is not None else Demand({})
        self._keep = keep
        self._watch = watch
        self._up: list[_Deployment] = []
        self._lock = threading.Lock()
        self._deployments: dict[str, _Deployment] = {}
        self._closing = threading.Event()

    def acquire(self, spec: DeploymentSpec) -> ServerAddress:
        while True:
            deployment = self._deployment(spec)
            with deployment.lock:
                if not deployment.released:
                    return self._lend(deployment)

    def began(self, item: str) -> None:
        """An item runs now."""
        self._demand.began(item)

    def ended(self, item: str) -> None:
        """An item is over; a deployment that none of the others needs is ended, without waiting for it."""
        if self._demand.ended(item) is None:
            return
        with self._lock:
            deployments = list(self._deployments.values())
        for deployment in deployments:
            if deployment.groups and all(map(self._demand.is_over, deployment.groups)):
                self._release(deployment)

    def diagnose(self, spec: DeploymentSpec) -> str | None:
        deployment = self._deployments.get(spec.key)
        return _death(deployment) if deployment is not None else None

    def close(self) -> None:
        """End all servers. Idempotent; whoever waits for a start is sent away."""
        self._closing.set()
        with self._lock:
            deployments = list({*self._deployments.values(), *self._up})
        if self._keep:
            deployments = [deployment for deployment in deployments if not self._leave_up(deployment)]
        threads = [threading.Thread(target=self._stop, args=(deployment,)) for deployment in deployments]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=CLOSE_SECONDS)

    def _leave_up(self, deployment: _Deployment) -> bool:
        if deployment.server is None or deployment.address is None or deployment.released:
            return False
        path = kept.keep(deployment.spec, deployment.server, deployment.address)
        if path is not None:
            self._report(f"kept: {deployment.address.base_url}, until: {END_COMMAND} {path.stem}")
        return path is not None

    def _deployment(self, spec: DeploymentSpec) -> _Deployment:
        with self._lock:
            if self._closing.is_set():
                raise DeploymentError("the session is ending")
            if spec.key not in self._deployments:
                self._deployments[spec.key] = _Deployment(spec, self._new_log(spec))
            deployment = self._deployments[spec.key]
            deployment.groups.add(spec.group)
            return deployment

    def _new_log(self, spec: DeploymentSpec) -> Path:
        name = f"{spec.command.model_id.replace('/', '_')}-{spec.key[:6]}"
        logs = (self._folder / f"{name}{end}.log" for end in ("", *(f"-{count}" for count in range(2, 10_000))))
        return next(log for log in logs if not log.exists())

    def _lend(self, deployment: _Deployment) -> ServerAddress:
        if deployment.failure is not None:
            raise DeploymentError(deployment.failure)
        if deployment.address is None:
            deployment.address = self._start_or_fail(deployment)
        elif (death := _death(deployment)) is not None:
            self._stop(deployment)
            deployment.address = self._start_again(deployment, death)
        return deployment.address

    def _release(self, deployment: _Deployment) -> None:
        """End a deployment in a thread; whoever asks for it from now on gets a new one."""
        with self._lock:
            if deployment.released or self._closing.is_set():
                return
            deployment.released = True
            del self._deployments[deployment.spec.key]
        if deployment.server is not None:  # told by whoever saw the last item end: what a thread writes may be captured
            self._report(f"no item needs it any more: {shlex.join(deployment.server.argv)}")
        threading.Thread(target=self._end, args=(deployment,), daemon=True).start()

    def _end(self, deployment: _Deployment) -> None:
        with deployment.lock:
            self._stop(deployment)

    def _make_room(self, deployment: _Deployment) -> None:
        """Wait until what is ending has ended, and until nothing that is up bars this one.

        Raises:
            DeploymentError: nothing is going to give way, or not in time.
        """
        deadline = time.monotonic() + deployment.spec.timeout
        told = False
        while (other := self._take_room(deployment)) is not None:
            idle = self._idle_seconds(other)
            pair = f"{deployment.spec.command.model_id} and {other.spec.command.model_id} cannot be up together"
            if other.released:
                pass
            elif idle is None or time.monotonic() > deadline:
                raise DeploymentError(
                    f"{pair} (one port, or deployment.exclusive), and the latter is in use: give each a port of its "
                    "own, or leave deployment.port out"
                )
            elif idle >= PATIENCE_SECONDS:
                self._release(other)
            elif not told:
                told = True
                self._report(f"{pair}: waiting for the latter to end")
            if self._closing.wait(0.05):
                raise DeploymentError("the session is ending")

    def _take_room(self, deployment: _Deployment) -> _Deployment | None:
        """What is in the way; None once there is room, which then is this deployment's."""
        with self._lock:
            for other in self._up:
                if other is not deployment and (other.released or other.spec.bars(deployment.spec)):
                    return other
            if deployment not in self._up:
                self._up.append(deployment)
            return None

    def _idle_seconds(self, deployment: _Deployment) -> float | None:
        seconds = [self._demand.idle_seconds(group) for group in deployment.groups]
        return None if None in seconds or not seconds else min(one for one in seconds if one is not None)

    def _start_again(self, deployment: _Deployment, death: str) -> ServerAddress:
        if deployment.restarts >= deployment.spec.restarts:
            deployment.failure = death
            raise DeploymentError(death)
        deployment.restarts += 1
        self._report(f"{death}\nstarting it again ({deployment.restarts} of {deployment.spec.restarts} times)")
        log = deployment.log
        deployment.log = log.with_name(f"{log.stem.partition('.')[0]}.{deployment.restarts}{log.suffix}")
        return self._start_or_fail(deployment)

    def _start_or_fail(self, deployment: _Deployment) -> ServerAddress:
        self._make_room(deployment)
        try:
            self._watch.before(deployment.spec)
            address = self._start(deployment)
            self._watch.after(deployment.spec, address)
            return address
        except EvalError as error:
            deployment.failure = str(error)
            self._stop(deployment)
            raise

    def _start(self, deployment: _Deployment) -> ServerAddress:
        spec, log = deployment.spec, deployment.log
        if (found := kept.find(spec)) is not None:
            deployment.server = found.server
            self._report(f"taken over from an earlier session: {found.address.base_url}")
            return found.address
        launcher = create_launcher(spec.launcher, spec.execution)
        began = time.monotonic()
        with self._lock:
            if self._closing.is_set():
                raise DeploymentError("the session is ending")
            server = deployment.server = launcher.start(spec.command, log)
        self._report(f"deploying: {shlex.join(server.argv)}")
        version = wait_until_ready(server, spec, log, self._report, self._closing)
        self._report(f"ready after {time.monotonic() - began:.0f} s: http://{server.host}:{server.port}")
        return ServerAddress(
            base_url=f"http://{server.host}:{server.port}/v1",
            model_id=spec.command.model_id,
            argv=server.argv,
            log=str(log),
            version=version,
            restarts=deployment.restarts,
        )

    def _stop(self, deployment: _Deployment) -> None:
        if deployment.server is not None:
            deployment.server.stop()
        with self._lock:
            if deployment in self._up:
                self._up.remove(deployment)


def _death(deployment: _Deployment) -> str | None:
    """How a server ended; None while it runs, or before it does."""
    if deployment.server is None or deployment.server.poll() is None:
        return None
    return "the server died: " + describe_end(deployment.server, deployment.spec.command, deployment.log)
