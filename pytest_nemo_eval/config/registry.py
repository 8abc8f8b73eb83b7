"""Names that plugins add: of backends, launchers, benchmarks, scorers, interceptors and post-evaluation hooks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import ConfigError

KINDS = ("backend", "launcher", "benchmark", "scorer", "interceptor", "post_eval_hook")


class Registry:
    """Kind and name to ``MODULE:NAME``, which is imported when it is first asked for, in whichever process that is."""

    def __init__(self) -> None:
        self._paths: dict[tuple[str, str], str] = {}

    def add(self, kind: str, name: str, path: str) -> None:
        """Let ``name`` mean ``path``, before any name of ours.

        Args:
            kind: backend (a class with ``command(deployment)``), launcher (a class with ``start(command, log)``),
                benchmark (a Benchmark), scorer (a function of sample and reply), interceptor or post_eval_hook (a
                class that takes its keys as arguments, or a function).
            path: ``MODULE:NAME``, importable in the workers of pytest-xdist too.

        Raises:
            ConfigError: no such kind, no such shape of a path, or a name that another plugin has added.
        """
        module, colon, attribute = path.partition(":")
        if kind not in KINDS:
            raise ConfigError(f"{kind} {name}: there is no such kind to add; there are {', '.join(KINDS)}")
        if not (name and module and colon and attribute):
            raise ConfigError(f"the {kind} {name!r} is added as {path!r}, and should be as MODULE:NAME")
        if self._paths.setdefault((kind, name), path) != path:
            raise ConfigError(f"the {kind} {name} is added twice: as {self._paths[kind, name]}, and as {path}")

    def clear(self) -> None:
        """Forget all of it: a second session of one process has plugins of its own."""
        self._paths.clear()

    def names(self, kind: str) -> list[str]:
        """What was added."""
        return [name for other, name in self._paths if other == kind]

    def path(self, kind: str, name: str) -> str | None:
        """Where it is; None where nobody added it."""
        return self._paths.get((kind, name))

    def load(self, kind: str, name: str) -> Any:
        """What was added; None where nobody did.

        Raises:
            ConfigError: it cannot be imported.
        """
        path = self.path(kind, name)
        if path is None:
            return None
        module, _, attribute = path.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except Exception as error:  # whatever the plugin's module raises
            raise ConfigError(f"the {kind} {name} ({path}) cannot be imported: {error!r}") from error


ADDED = Registry()
"""Of this process: filled as pytest starts, by the hook ``pytest_nemo_eval_register``."""
