"""Suite files as pytest collects them: one item a benchmark and matrix cell."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from ..benchmarks import is_planned
from ..config.cells import Cell, expand_cells
from ..config.document import Document, KeyPath
from ..config.options import EvalSettings, resolve_serving
from ..config.settings import SuiteSettings, TaskSettings
from ..config.suite import read_suite
from ..errors import ConfigError, EvalError, GateFailure
from ..evaluation import Rules, data_source, find_benchmark, gate_settings, names_of
from ..gates import check_shares
from .outcome import SUITE_ITEM
from .rules import RULES, rules_of
from .runner import BenchmarkRunner
from .serving import SUITE


class SuiteFile(pytest.Module):
    """A YAML file of benchmarks.

    A Module, because only that lets fixtures of every scope work: its module object is an empty one of our own.
    """

    settings: EvalSettings

    def collect(self) -> Iterator[pytest.Item]:
        self.obj = types.ModuleType(self.path.stem)
        try:
            suite, document = read_suite(self.path, self.settings.overrides)
            rules = rules_of(self.config, self.settings, self.path, suite.evaluation)
            checks = _Checks(self.settings, document, rules[0])
            cells = [
                cell
                for index, task in enumerate(suite.evaluation.tasks)
                for cell in checks.cells(task, ("evaluation", "tasks", index))
            ]
            _check_suite(suite, cells, self.settings, self.path)
        except EvalError as error:
            raise self.CollectError(str(error)) from None
        for cell in cells:
            item = self._item(cell, suite, document.lines.get(("evaluation", "tasks"), 1))
            item.stash[RULES] = rules
            yield item

    def _item(self, cell: Cell, suite: SuiteSettings, line: int) -> pytest.Item:
        item: SuiteItem = SuiteItem.from_parent(self, name=cell.id, callobj=_test_of(cell))
        item.stash[SUITE] = suite
        item.stash[SUITE_ITEM] = True
        item.task = cell.task
        item.line = line
        for tag in cell.task.tags:
            item.add_marker(tag)
        return item


class SuiteItem(pytest.Function):
    """One benchmark of a suite file."""

    task: TaskSettings
    line: int = 1

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.line - 1, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> object:  # type: ignore[override]  # wider
        if isinstance(excinfo.value, GateFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


@dataclass(frozen=True)
class _Checks:
    """Says of tasks what can be said before anything runs."""

    settings: EvalSettings
    document: Document
    rules: Rules

    def cells(self, task: TaskSettings, path: KeyPath) -> list[Cell]:
        """A task's cells.

        Raises:
            ConfigError: a benchmark, metric, file or baseline that does not exist.
        """
        with _located(self.document, path):
            cells = expand_cells(task)
        for metric, gate in task.gates.items():
            with _located(self.document, (*path, "gates", metric)):
                gate_settings(msgspec.structs.replace(task, gates={metric: gate}), (), replace(self.rules, policy=None))
        with _located(self.document, (*path, "validity")):
            check_shares(task.validity)
        with _located(self.document, path):
            for cell in cells:
                if not is_planned(cell.task.name):
                    self._check(cell)
        return cells

    def _check(self, cell: Cell) -> None:
        benchmark = find_benchmark(cell.task)
        gate_settings(cell.task, names_of(cell.id, benchmark), self.rules)
        if cell.task.dataset.path:
            data_source(cell.task, benchmark, self.settings).check()


@contextlib.contextmanager
def _located(document: Document, path: KeyPath) -> Iterator[None]:
    """What is wrong with a key says where the key stands."""
    try:
        yield
    except EvalError as error:
        raise ConfigError(f"{document.place(path)}: {error}") from None


def _test_of(cell: Cell) -> Callable[[BenchmarkRunner], None]:
    def evaluate(run_benchmark: BenchmarkRunner) -> None:
        run_benchmark.run(cell.task)

    evaluate.__name__ = cell.name
    return evaluate


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
