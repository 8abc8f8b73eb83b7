"""A plugin with one of everything: names of its own, and every hook. ``-p tests.example_plugin.plugin`` loads it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import pytest

from pytest_nemo_eval import (
    BenchmarkResult,
    CallNext,
    DeploymentSettings,
    GateFailure,
    Registry,
    Request,
    Response,
    Sample,
    ServerAddress,
    ServerCommand,
)
from pytest_nemo_eval.benchmarks import custom_benchmark
from pytest_nemo_eval.config.settings import TaskSettings
from pytest_nemo_eval.deployment import DeploymentSpec
from pytest_nemo_eval.launchers import Server
from pytest_nemo_eval.launchers.local import LocalLauncher
from pytest_nemo_eval.scorers import create_scorer

HERE = __name__
SERVER = Path(__file__).parents[1] / "servers.py"


class ToyBackend:
    """Serves with a server of the user's own."""

    name = "toy"

    def command(self, deployment: DeploymentSettings) -> ServerCommand:
        argv = (sys.executable, str(SERVER), "--port", "{port}", "--served-model-name", "toy-model")
        return ServerCommand(argv=argv, model_id="toy-model")


class TellingLauncher:
    """Runs servers here, and says so."""

    def start(self, command: ServerCommand, log: Path) -> Server:
        note("launcher")
        return LocalLauncher().start(command, log)


SUMS = custom_benchmark("toy_sums", "What is {question}?", create_scorer("includes"))


def last_number(sample: Sample, reply: str) -> bool:
    return reply.split()[-1] == sample.target


async def polite(request: Request, call_next: CallNext) -> Response:
    response = await call_next(request)
    return response.replace(text=f"Certainly. {response.text}")


def export(folder: Path) -> None:
    note(f"export {folder.name}")


def note(text: str) -> None:
    with open(os.environ["EXAMPLE_NOTES"], "a") as file:
        file.write(f"{text}\n")


def pytest_nemo_eval_register(registry: Registry) -> None:
    registry.add("backend", "toy", f"{HERE}:ToyBackend")
    registry.add("launcher", "telling", f"{HERE}:TellingLauncher")
    registry.add("benchmark", "toy_sums", f"{HERE}:SUMS")
    registry.add("scorer", "last-number", f"{HERE}:last_number")
    registry.add("interceptor", "polite", f"{HERE}:polite")
    registry.add("post_eval_hook", "noted", f"{HERE}:export")


def pytest_nemo_eval_sample(task: TaskSettings, sample: Sample) -> Sample | None:
    return msgspec.structs.replace(sample, target="many") if sample.id == "sum-3" else None


def pytest_nemo_eval_before_benchmark(item: pytest.Item, task: TaskSettings) -> None:
    note(f"before {item.name}")


def pytest_nemo_eval_after_benchmark(item: pytest.Item, result: BenchmarkResult) -> None:
    note(f"after {item.name} {result.n}")


def pytest_nemo_eval_judge(item: pytest.Item, result: BenchmarkResult) -> None:
    if "strict" in item.name and result.accuracy < 1:
        raise GateFailure(f"the house rules want all of {result.benchmark}, not {result.accuracy:.2f}")


def pytest_nemo_eval_before_deployment(spec: DeploymentSpec) -> None:
    note(f"deploying {spec.command.model_id}")


def pytest_nemo_eval_after_deployment(spec: DeploymentSpec, address: ServerAddress) -> None:
    note(f"deployed {address.model_id}")
