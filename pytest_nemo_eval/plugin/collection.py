"""Suite files as pytest collects them: one item a benchmark and matrix cell."""

from __future__ import annotations

import contextlib
import difflib
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from .. import backends as backend_tables
from .. import launchers as launcher_tables
from ..benchmarks import is_planned
from ..config.cells import Cell, expand_cells
from ..config.document import Document, KeyPath
from ..config.options import EvalSettings, resolve_serving
from ..config.settings import SuiteSettings, TaskSettings
from ..config.suite import read_suite
from ..errors import ConfigError, EvalError, GateFailure
from ..evaluation import data_source, find_benchmark, make_gates
from . import fixtures
from .options import COMMAND_LINE, TASKS_READ
from .outcome import SUITE_ITEM
from .runner import BenchmarkRunner
from .serving import SUITE

TASKS: KeyPath = ("evaluation", "tasks")
CELL = "eval_cell"
LAZY = ("eval_client", "eval_endpoint")
"""Fixtures that deploy: pytest shall know of them, but leave it to ``run_benchmark`` when they are set up."""


class SuiteFile(pytest.Module):
    """A YAML file of benchmarks.

    A Module, because only that lets fixtures of every scope work: its module object is one of our own, with a test
    function for each task. pytest makes the items of it, so that parametrized fixtures and ``pytest_generate_tests``
    work as they do with tests in Python.
    """

    settings: EvalSettings

    def collect(self) -> Iterator[pytest.Item]:
        self.obj = types.ModuleType(self.path.stem)
        self.obj.__file__ = str(self.path)
        try:
            suite, document = read_suite(self.path, self.settings.overrides)
            tasks = [
                _cells(task, self.settings, document, (*TASKS, index))
                for index, task in enumerate(suite.evaluation.tasks)
            ]
            _check_suite(suite, [cell for cells in tasks for cell in cells], self.settings, self.path)
            _check_names(suite, document, self.config)
        except EvalError as error:
            raise self.CollectError(str(error)) from None
        names = [task.name for task in suite.evaluation.tasks]
        self.config.stash.setdefault(TASKS_READ, []).append((names, document.unused))
        for index, cells in enumerate(tasks):
            for item in self._items(cells):
                item.stash[SUITE] = suite
                item.stash[SUITE_ITEM] = True
                item.line = document.lines.get((*TASKS, index), 1)
                yield item

    def istestfunction(self, obj: object, name: str) -> bool:
        return True  # whatever the ini value python_functions says of names

    def _items(self, cells: Sequence[Cell]) -> Iterator[SuiteItem]:
        name, function = cells[0].name, _test_of(cells)
        vars(self.obj).update({name: function, "pytest_generate_tests": _parametrization(cells)})
        for tag in cells[0].task.tags:
            self.config.addinivalue_line("markers", f"{tag}: a tag of suite files")
        for item in self.ihook.pytest_pycollect_makeitem(collector=self, name=name, obj=function):
            item.__class__ = SuiteItem  # pytest has no way to say which subclass of Function it shall make
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            item.task = parameters.get(CELL, cells[0]).task
            item.fixturenames = [name for name in item.fixturenames if name not in LAZY]
            for tag in item.task.tags:
                item.add_marker(tag)
            yield item


class SuiteItem(pytest.Function):
    """One benchmark of a suite file."""

    task: TaskSettings
    line: int

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.line - 1, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> object:  # type: ignore[override]  # wider
        if isinstance(excinfo.value, GateFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


def _cells(task: TaskSettings, settings: EvalSettings, document: Document, path: KeyPath) -> list[Cell]:
    """A task's cells, once everything that can be said of it before it runs has been said.

    Raises:
        ConfigError: a benchmark, metric or file that does not exist.
    """
    for metric, gate in task.gates.items():
        with _located(document, (*path, "gates", metric)):
            make_gates({metric: gate}, task.tier)
    with _located(document, (*path, "tags")):
        _check_tags(task)
    with _located(document, path):
        cells = expand_cells(task)
        for cell in cells:
            if not is_planned(cell.task.name):
                benchmark = find_benchmark(cell.task)
                if cell.task.dataset.path:
                    data_source(cell.task, benchmark, settings).check()
    return cells


def _check_tags(task: TaskSettings) -> None:
    for tag in task.tags:
        if not tag.isidentifier() or tag.startswith("_"):
            raise ConfigError(f"the tag {tag!r} is no name for -m: those have letters, digits and _, a letter first")


@contextlib.contextmanager
def _located(document: Document, path: KeyPath) -> Iterator[None]:
    """What is wrong with a key says where the key stands."""
    try:
        yield
    except EvalError as error:
        raise ConfigError(f"{document.place(path)}: {error}") from None


def _test_of(cells: Sequence[Cell]) -> Callable[..., None]:
    """The test function of a task. It names what ``run_benchmark`` asks for later, in case that is parametrized."""

    @pytest.mark.usefixtures(*LAZY, *([CELL] if cells[0].label else []))
    def evaluate(run_benchmark: BenchmarkRunner, request: pytest.FixtureRequest) -> None:
        run_benchmark.run(request.node.task)

    evaluate.__name__ = cells[0].name
    return evaluate


def _parametrization(cells: Sequence[Cell]) -> Callable[[pytest.Metafunc], None]:
    """The cells of a matrix are parameters; a module's own come first in an id."""

    def generate(metafunc: pytest.Metafunc) -> None:
        if cells[0].label:
            metafunc.parametrize(CELL, cells, ids=[cell.label for cell in cells])

    return generate


def _check_names(suite: SuiteSettings, document: Document, config: pytest.Config) -> None:
    """What serves and where must be known, unless the user's own fixture makes it: that may take any name."""
    backends = (*backend_tables.BACKENDS, *backend_tables.PLANNED, "hosted")
    launchers = (*launcher_tables.LAUNCHERS, *launcher_tables.PLANNED)
    for section, key, name, known, fixture in (
        ("deployment", "type", suite.deployment and suite.deployment.type, backends, "eval_backend"),
        ("execution", "backend", suite.execution and suite.execution.backend, launchers, "eval_launcher"),
    ):
        if name and name not in known and not _is_overridden(fixture, document.path, config):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ConfigError(
                f"{document.place((section, key))}: {section}.{key}: there is no {name}; {hint} "
                f"(names of your own need a fixture {fixture} in a conftest.py)"
            )


def _is_overridden(fixture: str, path: Path, config: pytest.Config) -> bool:
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


def _check_suite(suite: SuiteSettings, cells: list[Cell], settings: EvalSettings, path: Path) -> None:
    if not cells:
        raise ConfigError(f"{path}: evaluation.tasks lists no benchmark: nothing would be evaluated")
    names = [cell.id for cell in cells]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ConfigError(f"{path}: two tasks are called {min(repeated)}")
    if suite.deployment is not None or suite.target is not None or settings.model_path or settings.model_url:
        try:
            resolve_serving(settings, suite)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None
