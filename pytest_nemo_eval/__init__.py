"""Evaluations of language models as pytest tests.

The names below are the public surface; each is loaded at first use, so that importing the package loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backends import Backend
    from .benchmarks import Benchmark
    from .chat import Message, Request, Response, Usage
    from .client import Client
    from .config.options import EvalSettings, Serving
    from .config.registry import Registry
    from .config.settings import DeploymentSettings, ExecutionSettings, Tier
    from .endpoint import Endpoint, Protocol, Secret
    from .errors import EvalError, GateFailure, GateInconclusive
    from .evaluation import BenchmarkResult
    from .gates import Gate, GateResult, Threshold, Verdict
    from .interceptors import CallNext, Interceptor
    from .metrics import MetricValue
    from .runs import Run, RunRecord, read_run
    from .samples import Sample
    from .scores import SampleResult, Score
    from .server import Probe, ServerAddress, ServerCommand

_HOMES = {
    "Backend": "backends",
    "Benchmark": "benchmarks",
    "BenchmarkResult": "evaluation",
    "CallNext": "interceptors",
    "Client": "client",
    "DeploymentSettings": "config.settings",
    "Endpoint": "endpoint",
    "EvalError": "errors",
    "EvalSettings": "config.options",
    "ExecutionSettings": "config.settings",
    "Gate": "gates",
    "GateFailure": "errors",
    "GateInconclusive": "errors",
    "GateResult": "gates",
    "Interceptor": "interceptors",
    "Message": "chat",
    "MetricValue": "metrics",
    "Probe": "server",
    "Protocol": "endpoint",
    "Registry": "config.registry",
    "Request": "chat",
    "Response": "chat",
    "Run": "runs",
    "RunRecord": "runs",
    "Sample": "samples",
    "SampleResult": "scores",
    "Score": "scores",
    "Secret": "endpoint",
    "ServerAddress": "server",
    "ServerCommand": "server",
    "Serving": "config.options",
    "Threshold": "gates",
    "Tier": "config.settings",
    "Usage": "chat",
    "Verdict": "gates",
    "read_run": "runs",
}

__all__ = [
    "Backend",
    "Benchmark",
    "BenchmarkResult",
    "CallNext",
    "Client",
    "DeploymentSettings",
    "Endpoint",
    "EvalError",
    "EvalSettings",
    "ExecutionSettings",
    "Gate",
    "GateFailure",
    "GateInconclusive",
    "GateResult",
    "Interceptor",
    "Message",
    "MetricValue",
    "Probe",
    "Protocol",
    "Registry",
    "Request",
    "Response",
    "Run",
    "RunRecord",
    "Sample",
    "SampleResult",
    "Score",
    "Secret",
    "ServerAddress",
    "ServerCommand",
    "Serving",
    "Threshold",
    "Tier",
    "Usage",
    "Verdict",
    "read_run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(f".{_HOMES[name]}", __name__), name)  # asked for once
    return value


def __dir__() -> list[str]:
    return __all__
