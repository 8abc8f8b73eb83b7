"""Where servers run."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import cast

from ..config.registry import ADDED
from ..config.settings import ExecutionSettings
from ..errors import ConfigError
from .base import Launcher, Server

LAUNCHERS: Mapping[str, str] = {"local": "local:LocalLauncher"}
"""Name to ``module:class``, the module within this package."""

PLANNED = ("slurm", "lepton", "container")
"""Launchers of later versions: a suite that names one is collected, and says so when it runs."""


def create_launcher(name: str, settings: ExecutionSettings) -> Launcher:
    """The launcher of that name.

    Raises:
        ConfigError: no such launcher in this version.
    """
    added = ADDED.load("launcher", name)
    if added is not None:
        return cast(Launcher, added())
    if name in LAUNCHERS:
        module, _, attribute = LAUNCHERS[name].partition(":")
        return cast(Launcher, getattr(import_module(f".{module}", __name__), attribute)())
    if name in PLANNED:
        raise ConfigError(f"the launcher {name} is not available in this version (available: {', '.join(LAUNCHERS)})")
    near = difflib.get_close_matches(name, (*LAUNCHERS, *PLANNED, *ADDED.names("launcher")), n=1)
    raise ConfigError(f"no launcher is called {name!r}" + (f"; did you mean {near[0]}?" if near else ""))


__all__ = ["LAUNCHERS", "Launcher", "Server", "create_launcher"]
