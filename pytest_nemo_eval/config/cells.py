"""One task with a matrix is several items: one cell each."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from ..chat import Json
from ..errors import ConfigError
from .settings import ParamSettings, TaskSettings

_NAME = re.compile(r"[A-Za-z0-9_.:+-]+")
_TASK_KEYS = {"subset": "subsets", "num_fewshot": "num_fewshot", "repeats": "repeats", "variant": "name"}


@dataclass(frozen=True)
class Cell:
    """One item: its id within the file (``gsm8k``, ``mmlu_pro[biology]``) and its settings."""

    id: str
    task: TaskSettings

    @property
    def name(self) -> str:
        """The id without the matrix part."""
        return self.id.partition("[")[0]

    @property
    def label(self) -> str:
        """What the id has in brackets; empty without a matrix."""
        return self.id.partition("[")[2][:-1]


def expand_cells(task: TaskSettings) -> list[Cell]:
    """The cells of a task: one for each combination of its matrix's values.

    Keys of a matrix are subset, variant, num_fewshot, repeats, and those of params.

    Raises:
        ConfigError: a name that cannot stand in a test id, or a key or value that a matrix cannot hold.
    """
    if not _NAME.fullmatch(task.name) or "::" in task.name:
        raise ConfigError(f"the task name {task.name!r} may hold letters, digits and . _ - + : only")
    if not task.matrix:
        return [Cell(task.name, task)]
    for key, values in task.matrix.items():
        if not values:
            raise ConfigError(f"matrix.{key} of {task.name} lists no values")
    cells = []
    for combination in itertools.product(*task.matrix.values()):
        chosen = dict(zip(task.matrix, combination, strict=True))
        cells.append(Cell(f"{task.name}[{'-'.join(_label(value) for value in combination)}]", _apply(task, chosen)))
    repeated = {cell.id for cell in cells if [other.id for other in cells].count(cell.id) > 1}
    if repeated:
        raise ConfigError(f"matrix of {task.name}: two cells are called {min(repeated)}")
    return cells


def _label(value: Json) -> str:
    return re.sub(r"[^A-Za-z0-9_.+]+", "_", str(value)) or "_"


def _apply(task: TaskSettings, chosen: Mapping[str, Json]) -> TaskSettings:
    values = msgspec.to_builtins(task)
    values.pop("matrix")
    params = values.setdefault("params", {})
    for key, value in chosen.items():
        if key == "subset":
            values["subsets"] = [value]
        elif key == "variant":
            values["name"] = f"{task.name.partition(':')[0]}:{value}"
        elif key in _TASK_KEYS:
            values[key] = value
        elif key in ParamSettings.__struct_fields__:
            params[key] = value
        else:
            known = sorted({*_TASK_KEYS, *ParamSettings.__struct_fields__})
            raise ConfigError(f"matrix of {task.name}: {key} cannot vary; these can: {', '.join(known)}")
    try:
        return msgspec.convert(values, TaskSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"matrix of {task.name}: {error}") from None
