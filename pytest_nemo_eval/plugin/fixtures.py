"""The fixtures. Each is small, documented, and can be overridden alone. Imports nothing but pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..backends import Backend
    from ..client import Client
    from ..config.models import Model
    from ..config.options import EvalSettings, Serving
    from ..config.settings import ExecutionSettings
    from ..endpoint import Endpoint
    from ..interceptors import Interceptor
    from ..server import ServerAddress
    from .runner import BenchmarkRunner

__all__ = [
    "eval_backend",
    "eval_client",
    "eval_deployment",
    "eval_endpoint",
    "eval_launcher",
    "eval_model",
    "eval_settings",
    "interceptors",
    "run_benchmark",
]

NAMES = frozenset({"run_benchmark", "eval_client", "eval_endpoint", "eval_deployment"})
"""A test that uses one of these is an evaluation."""


@pytest.fixture(scope="session")
def eval_model(request: pytest.FixtureRequest) -> Model | None:
    """Which of several models a test is about (``eval_model.label``); None where there is one alone."""
    model: Model | None = getattr(request, "param", None)
    return model


@pytest.fixture(scope="session")
def eval_settings(pytestconfig: pytest.Config, eval_model: Model | None) -> EvalSettings:
    """What the command line and the ini-file ask for; override it to evaluate something else than they say."""
    from .state import session_of

    settings = session_of(pytestconfig).settings
    if settings.models and eval_model is None:
        from ..errors import ConfigError

        raise ConfigError(
            "there are several models, and a test that pytest cannot parametrize (unittest, getfixturevalue): name a "
            "fixture of pytest-nemo-eval among the arguments of a test function"
        )
    return settings if eval_model is None else eval_model.in_settings(settings)


@pytest.fixture(scope="session")
def eval_backend() -> Callable[[str], Backend]:
    """What serves: a function from a backend's name to the Backend; override it to bring a backend of your own."""
    from ..backends import create_backend

    return create_backend


@pytest.fixture(scope="session")
def eval_launcher() -> Callable[[Serving], ExecutionSettings]:
    """Where it runs: a function from an item's Serving to its ExecutionSettings; override it to move servers."""
    return lambda serving: serving.execution


@pytest.fixture(scope="session")
def eval_deployment(
    pytestconfig: pytest.Config,
    eval_backend: Callable[[str], Backend],
    eval_launcher: Callable[[Serving], ExecutionSettings],
) -> Callable[[Serving], ServerAddress]:
    """Lends a running server: a function from an item's Serving to its ServerAddress. The first call deploys.

    One server for all workers of pytest-xdist; it ends with the session, never with this fixture.
    """
    from .serving import borrower
    from .state import session_of

    return borrower(session_of(pytestconfig), eval_backend, eval_launcher)


@pytest.fixture
def eval_endpoint(
    request: pytest.FixtureRequest,
    eval_settings: EvalSettings,
    eval_deployment: Callable[[Serving], ServerAddress],
) -> Endpoint:
    """Where the model answers; deploys it if need be. Override it to evaluate an Endpoint of your own."""
    from .serving import endpoint_of
    from .state import session_of

    return endpoint_of(request.node, eval_settings, eval_deployment, session_of(request.config))


@pytest.fixture
def interceptors(request: pytest.FixtureRequest, eval_settings: EvalSettings) -> list[Interceptor]:
    """Middleware around every request, outermost first: ``async (request, call_next) -> response``.

    By default those of the suite file (its target's, then its task's) and of ``--interceptor``. Override it in a
    conftest.py, a module or a class to have others there; ask for ``interceptors`` in the override to add to these.
    """
    from .chains import default_interceptors

    return default_interceptors(request.node, eval_settings)


@pytest.fixture
def eval_client(
    request: pytest.FixtureRequest, eval_endpoint: Endpoint, interceptors: list[Interceptor]
) -> Iterator[Client]:
    """The client of ``eval_endpoint`` behind ``interceptors``: ``eval_client.ask("...").text``."""
    from .chains import close_all
    from .serving import client_of
    from .state import session_of

    yield client_of(eval_endpoint, interceptors, session_of(request.config))
    close_all(interceptors)


@pytest.fixture
def run_benchmark(request: pytest.FixtureRequest, interceptors: list[Interceptor]) -> BenchmarkRunner:
    """Runs a benchmark and returns its result: ``run_benchmark("gsm8k", limit=200).accuracy``.

    The data is loaded before ``eval_client`` is asked for, so that no model is deployed for data that is missing;
    ``interceptors`` is named so that pytest sees its parameters, should it have any.
    """
    from .runner import BenchmarkRunner
    from .state import session_of

    return BenchmarkRunner(request, session_of(request.config))
