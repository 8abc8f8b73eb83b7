"""What serves a model: each backend makes a ServerCommand."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from ..errors import ConfigError
from .base import Backend

BACKENDS: Mapping[str, str] = {"vllm": "vllm:VllmBackend"}
"""Name to ``module:class``, the module within this package."""


def create_backend(name: str) -> Backend:
    """The backend of that name.

    Raises:
        ConfigError: no such backend, or none that starts a server.
    """
    if name not in BACKENDS:
        raise ConfigError(f"the backend {name} is not available in this version (available: {', '.join(BACKENDS)})")
    module, _, attribute = BACKENDS[name].partition(":")
    return cast(Backend, getattr(import_module(f".{module}", __name__), attribute)())


__all__ = ["BACKENDS", "Backend", "create_backend"]
