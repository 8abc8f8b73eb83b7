"""What can be said of a suite file before anything runs."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from .. import backends as backend_tables
from .. import launchers as launcher_tables
from ..benchmarks import is_planned
from ..config.cells import Cell, expand_cells
from ..config.document import Document, KeyPath
from ..config.models import models_of_file
from ..config.options import EvalSettings, check_keys, resolve_serving
from ..config.registry import ADDED
from ..config.settings import SuiteSettings, TaskSettings
from ..errors import ConfigError, EvalError
from ..evaluation import Rules, data_source, find_benchmark, gate_settings, names_of
from ..gates import check_shares
from . import fixtures
from .chains import create_chain, declared, default_hooks
from .options import COMMAND_LINE, TASKS_READ


@dataclass(frozen=True)
class Checks:
    """Each raises a ConfigError that says where the key stands."""

    settings: EvalSettings
    document: Document
    rules: Rules

    def cells(self, task: TaskSettings, path: KeyPath) -> list[Cell]:
        """A task's cells.

        Raises:
            ConfigError: a benchmark, metric, file or baseline that does not exist, a tag that is no name.
        """
        for metric, gate in task.gates.items():
            with self._located((*path, "gates", metric)):
                gate_settings(msgspec.structs.replace(task, gates={metric: gate}), (), replace(self.rules, policy=None))
        with self._located((*path, "validity")):
            check_shares(task.validity)
        with self._located((*path, "tags")):
            _check_tags(task)
        with self._located((*path, "interceptors")):
            create_chain([[one for one in task.interceptors if one.enabled]])
        with self._located(path):
            cells = expand_cells(task)
            for cell in cells:
                if not is_planned(cell.task.name):
                    self._benchmark(cell)
        return cells

    def _benchmark(self, cell: Cell) -> None:
        benchmark = find_benchmark(cell.task)
        gate_settings(cell.task, names_of(cell.id, benchmark), self.rules)
        if cell.task.dataset.path:
            data_source(cell.task, benchmark, self.settings).check()

    def suite(self, suite: SuiteSettings, cells: Sequence[Cell]) -> None:
        """The whole of a file.

        Raises:
            ConfigError: no task, two of one name, or no way to serve a model.
        """
        if not cells:
            raise ConfigError(f"{self.document.path}: evaluation.tasks lists no benchmark: nothing would be evaluated")
        names = [cell.id for cell in cells]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ConfigError(f"{self.document.path}: two tasks are called {min(repeated)}")
        with self._located(("target", "api_endpoint", "adapter_config")):
            create_chain(declared(self.settings, suite))
            default_hooks(self.settings, suite)
        if (
            suite.deployment is not None
            or suite.target is not None
            or self.settings.model_path
            or self.settings.model_url
        ):
            try:
                models = models_of_file(self.settings, self.document.models)
                asked = [(one.in_settings(self.settings), one.in_suite(suite)) for one in models]
                check_keys([resolve_serving(settings, file) for settings, file in asked or [(self.settings, suite)]])
                if models and self.settings.save_baseline:
                    raise ConfigError("--eval-save-baseline saves the Runs of one model, and this file lists several")
            except ConfigError as error:
                raise ConfigError(f"{self.document.path}: {error}") from None

    @contextlib.contextmanager
    def _located(self, path: KeyPath) -> Iterator[None]:
        """What is wrong with a key says where the key stands."""
        try:
            yield
        except EvalError as error:
            raise ConfigError(f"{self.document.place(path)}: {error}") from None


def _check_tags(task: TaskSettings) -> None:
    for tag in task.tags:
        if not tag.isidentifier() or tag.startswith("_"):
            raise ConfigError(f"the tag {tag!r} is no name for -m: those have letters, digits and _, a letter first")


def check_names(suite: SuiteSettings, document: Document, config: pytest.Config) -> None:
    """What serves and where must be known, unless the user's own fixture makes it: that may take any name."""
    backends = (*backend_tables.BACKENDS, *backend_tables.PLANNED, *ADDED.names("backend"), "hosted")
    launchers = (*launcher_tables.LAUNCHERS, *launcher_tables.PLANNED, *ADDED.names("launcher"))
    for section, key, name, known, fixture in (
        ("deployment", "type", suite.deployment and suite.deployment.type, backends, "eval_backend"),
        ("execution", "backend", suite.execution and suite.execution.backend, launchers, "eval_launcher"),
    ):
        if name and name not in known and not is_overridden(fixture, document.path, config):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ConfigError(
                f"{document.place((section, key))}: {section}.{key}: there is no {name}; {hint} "
                f"(names of your own need a fixture {fixture} in a conftest.py)"
            )


def is_overridden(fixture: str, path: Path, config: pytest.Config) -> bool:
    """Whether a plugin, or a conftest.py above ``path``, has this fixture of ours too."""
    for plugin in config.pluginmanager.get_plugins():
        if getattr(plugin, fixture, getattr(fixtures, fixture)) is not getattr(fixtures, fixture):
            file = Path(getattr(plugin, "__file__", None) or "")
            if file.name != "conftest.py" or file.parent in path.parents:
                return True
    return False


def check_overrides(session: pytest.Session) -> bool:
    """Once all suite files are read: an override must name a task of one of them.

    A worker of pytest-xdist says it in a report that makes the controller end the session.

    Raises:
        pytest.UsageError: none does.
    """
    read = session.config.stash[TASKS_READ]
    unused = sorted(set.intersection(*(set(overrides) for _, overrides in read)))
    if not unused or session.testsfailed:
        return True
    names = ", ".join(dict.fromkeys(name for tasks, _ in read for name in tasks))
    text = f"--eval-set {unused[0]}: no suite file that was collected has this task; their tasks are {names}"
    if not hasattr(session.config, "workerinput"):
        raise pytest.UsageError(text)
    report = pytest.CollectReport(COMMAND_LINE, "failed", text, [])
    session.config.hook.pytest_collectreport(report=report)
    return False
