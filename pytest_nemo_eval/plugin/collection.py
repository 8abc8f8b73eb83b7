"""Suite files as pytest collects them: one item a benchmark and matrix cell."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ..config.cells import Cell
from ..config.document import KeyPath
from ..config.options import EvalSettings
from ..config.settings import TaskSettings
from ..config.suite import read_suite
from ..errors import EvalError, GateFailure
from .chains import TASK_INTERCEPTORS
from .checks import Checks, check_names
from .models import OF_FILE, model_of
from .options import TASKS_READ
from .outcome import SUITE_ITEM
from .rules import RULES, rules_of
from .runner import BenchmarkRunner
from .turns import SUITE

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
            rules = rules_of(self.config, self.settings, self.path, suite.evaluation)
            checks = Checks(self.settings, document, rules[0])
            tasks = [checks.cells(task, (*TASKS, index)) for index, task in enumerate(suite.evaluation.tasks)]
            checks.suite(suite, [cell for cells in tasks for cell in cells])
            check_names(suite, document, self.config)
        except EvalError as error:
            raise self.CollectError(str(error)) from None
        setattr(self.obj, OF_FILE, document.models)
        names = [task.name for task in suite.evaluation.tasks]
        self.config.stash.setdefault(TASKS_READ, []).append((names, document.unused))
        for index, cells in enumerate(tasks):
            for item in self._items(cells):
                model = model_of(item)
                item.stash[SUITE] = suite if model is None else model.in_suite(suite)
                item.stash[SUITE_ITEM] = True
                item.stash[RULES] = rules
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
            item.stash[TASK_INTERCEPTORS] = item.task.interceptors
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
