"""What serves a model: each backend makes a ServerCommand."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import cast

from ..config.registry import ADDED
from ..errors import ConfigError
from .base import Backend

BACKENDS: Mapping[str, str] = {
    "vllm": "vllm:VllmBackend",
    "triton": "triton:TritonBackend",
    "ray": "ray:RayBackend",
}
"""Name to ``module:class``, the module within this package."""

PLANNED = ("nemo_framework", "replay")
"""Backends of later versions: a suite that names one is collected, and says so when it runs."""


def create_backend(name: str) -> Backend:
    """The backend of that name.

    Raises:
        ConfigError: no such backend, or none that starts a server.
    """
    added = ADDED.load("backend", name)
    if added is not None:
        return cast(Backend, added())
    if name in PLANNED:
        raise ConfigError(f"the backend {name} is not available in this version (available: {', '.join(BACKENDS)})")
    if name not in BACKENDS:
        near = difflib.get_close_matches(name, (*BACKENDS, *PLANNED, *ADDED.names("backend")), n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(BACKENDS)}"
        raise ConfigError(f"no backend that starts a server is called {name!r}; {hint}")
    module, _, attribute = BACKENDS[name].partition(":")
    return cast(Backend, getattr(import_module(f".{module}", __name__), attribute)())


__all__ = ["BACKENDS", "Backend", "create_backend"]
