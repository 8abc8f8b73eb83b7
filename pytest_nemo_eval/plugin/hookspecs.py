"""The hooks that plugins and conftest.py files may implement. Imports nothing but pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..config.registry import Registry
    from ..config.settings import TaskSettings
    from ..deployment import DeploymentSpec
    from ..evaluation import BenchmarkResult
    from ..samples import Sample
    from ..server import ServerAddress


def pytest_nemo_eval_register(registry: Registry) -> None:
    """Add backends, launchers, benchmarks, scorers, interceptors, post-evaluation hooks by name, as pytest starts."""


@pytest.hookspec(firstresult=True)
def pytest_nemo_eval_sample(item: pytest.Item, task: TaskSettings, sample: Sample) -> Sample | None:
    """Give another sample, or worked example, for one that is loaded; the first hook that gives one decides."""


def pytest_nemo_eval_before_benchmark(item: pytest.Item, task: TaskSettings) -> None:
    """A benchmark is about to be asked; where any hook says this, no item's samples are sent ahead of its turn."""


def pytest_nemo_eval_after_benchmark(item: pytest.Item, task: TaskSettings, result: BenchmarkResult) -> None:
    """A benchmark's Run is whole on disk, and not judged yet."""


def pytest_nemo_eval_judge(item: pytest.Item, result: BenchmarkResult) -> None:
    """Decide against a finished benchmark by raising GateFailure or GateInconclusive; ours, the last, judges gates."""


def pytest_nemo_eval_before_deployment(config: pytest.Config, spec: DeploymentSpec) -> None:
    """A server is about to start, in the process that owns it: a plain pytest, or the controller of pytest-xdist."""


def pytest_nemo_eval_after_deployment(config: pytest.Config, spec: DeploymentSpec, address: ServerAddress) -> None:
    """A server is ready, again after each restart, in the same process and thread as before its start."""
