"""Real servers on the CPU with a real small model, set up by the project's own scripts."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live.servers.environment import model, python_with_servers

ROOT = Path(__file__).resolve().parents[2]
SETUP = ROOT / "example_suites" / "quickstart" / "cpu" / "setup_cpu.py"


@dataclass(frozen=True)
class Vllm:
    """An environment with vLLM, and a model for it."""

    python: Path
    model: Path

    @property
    def options(self) -> list[str]:
        """What pytest has to be told to deploy the model on a CPU."""
        return [f"--model-path={self.model}", "--backend=vllm", *self.options_without_model]

    @property
    def options_without_model(self) -> list[str]:
        return ["-o", f"eval_python={self.python}", "--max-model-len=2048", "--server-arg=enforce-eager"]


@dataclass(frozen=True)
class Servers:
    """An environment with PyTriton and Ray Serve, and a model for it."""

    python: Path
    model: Path

    def options(self, backend: str) -> list[str]:
        """What pytest has to be told to deploy the model on a CPU."""
        python = ["-o", f"eval_python={self.python}"]
        return [f"--model-path={self.model}", f"--backend={backend}", *python, "--max-model-len=2048"]


def load_setup() -> Any:
    """The project's own script, as a module."""
    spec = importlib.util.spec_from_file_location("setup_cpu", SETUP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cannot(reason: str) -> None:
    """Where something cannot be set up, CI fails."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def installed_vllm() -> Vllm:
    """Sets it up, which takes minutes where it is not there yet."""
    done = subprocess.run([sys.executable, SETUP], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        cannot(f"vLLM for the CPU cannot be set up here (exit code {done.returncode} of {SETUP.name}; see its words)")
    values = dict(line.split("=", 1) for line in done.stdout.splitlines())
    return Vllm(Path(values["python"]), Path(values["model"]))


@pytest.fixture
def vllm(installed_vllm: Vllm, monkeypatch: pytest.MonkeyPatch) -> Vllm:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    monkeypatch.setenv("VLLM_CPU_NUM_OF_RESERVED_CPU", "0")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return installed_vllm


@pytest.fixture(scope="session")
def installed_servers() -> Servers:
    """The same, without vLLM."""
    setup = load_setup()
    try:
        python = python_with_servers(setup)
        return Servers(python, model(setup, python))
    except setup.SetupError as error:
        cannot(f"PyTriton and Ray Serve cannot be set up here: {error}")
        raise


@pytest.fixture
def servers(installed_servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Servers:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # threads that wait for each other are slow where others work too
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return installed_servers
