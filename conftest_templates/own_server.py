"""A server of your own instead of vLLM: started, watched and ended as vLLM would be."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pytest_nemo_eval import Backend, DeploymentSettings, Probe, ServerCommand


@dataclass(frozen=True)
class OwnServer:
    name: str = "own"

    def command(self, deployment: DeploymentSettings) -> ServerCommand:
        program = os.environ.get("OWN_SERVER", "my-server")
        argv = (program, "--model", deployment.model_path or "", "--host", "{host}", "--port", "{port}")
        return ServerCommand(argv=argv, model_id="my-model", probe=Probe(paths=("/v1/models",)))


@pytest.fixture(scope="session")
def eval_backend() -> Callable[[str], Backend]:
    return lambda name: OwnServer()
