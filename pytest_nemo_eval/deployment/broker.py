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
from .readiness import describe_end, wait_until_ready
from .spec import DeploymentSpec

CLOSE_SECONDS = 30.0


@dataclass
class _Deployment:
    """One server on its way up, up, or failed."""

    spec: DeploymentSpec
    log: Path
    lock: threading.Lock = field(default_factory=threading.Lock)
    server: Server | None = None
    address: ServerAddress | None = None
    restarts: int = 0
    failure: str | None = None


class Broker:
    """Deploys at first use, lends to all, ends everything when it is closed. Thread-safe.

    Args:
        folder: for the servers' logs; made by the first deployment.
        report: shows a line to whoever waits.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self._folder = folder
        self._report = report
        self._lock = threading.Lock()
        self._deployments: dict[str, _Deployment] = {}
        self._closing = threading.Event()

    def acquire(self, spec: DeploymentSpec) -> ServerAddress:
        deployment = self._deployment(spec)
        with deployment.lock:
            if deployment.failure is not None:
                raise DeploymentError(deployment.failure)
            if deployment.address is None:
                try:
                    deployment.address = self._start(deployment)
                except EvalError as error:
                    deployment.failure = str(error)
                    self._stop(deployment)
                    raise
            elif (death := _death(deployment)) is not None:
                self._stop(deployment)
                deployment.address = self._start_again(deployment, death)
            return deployment.address

    def diagnose(self, spec: DeploymentSpec) -> str | None:
        deployment = self._deployments.get(spec.key)
        return _death(deployment) if deployment is not None else None

    def close(self) -> None:
        """End all servers. Idempotent; whoever waits for a start is sent away."""
        self._closing.set()
        with self._lock:
            deployments = list(self._deployments.values())
        threads = [threading.Thread(target=self._stop, args=(deployment,)) for deployment in deployments]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=CLOSE_SECONDS)

    def _deployment(self, spec: DeploymentSpec) -> _Deployment:
        with self._lock:
            if self._closing.is_set():
                raise DeploymentError("the session is ending")
            if spec.key not in self._deployments:
                log = self._folder / f"{spec.command.model_id.replace('/', '_')}-{spec.key[:6]}.log"
                self._deployments[spec.key] = _Deployment(spec, log)
            return self._deployments[spec.key]

    def _start_again(self, deployment: _Deployment, death: str) -> ServerAddress:
        if deployment.restarts >= deployment.spec.restarts:
            deployment.failure = death
            raise DeploymentError(death)
        deployment.restarts += 1
        self._report(f"{death}\nstarting it again ({deployment.restarts} of {deployment.spec.restarts} times)")
        log = deployment.log
        deployment.log = log.with_name(f"{log.stem.partition('.')[0]}.{deployment.restarts}{log.suffix}")
        try:
            return self._start(deployment)
        except EvalError as error:
            deployment.failure = str(error)
            self._stop(deployment)
            raise

    def _start(self, deployment: _Deployment) -> ServerAddress:
        spec, log = deployment.spec, deployment.log
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

    @staticmethod
    def _stop(deployment: _Deployment) -> None:
        if deployment.server is not None:
            deployment.server.stop()


def _death(deployment: _Deployment) -> str | None:
    """How a server ended; None while it runs, or before it does."""
    if deployment.server is None or deployment.server.poll() is None:
        return None
    return "the server died: " + describe_end(deployment.server, deployment.spec.command, deployment.log)
