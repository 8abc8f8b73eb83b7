"""Which files or which data set of the hub a benchmark's samples come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..chat import Json
from ..config.settings import DatasetSettings
from ..errors import DatasetError
from .files import Row, check_file, find_split, reach, read_rows
from .hub import HubDataset, hub_files, hub_rows

Value = str | int | float | bool
_SHOWN = 10


@dataclass(frozen=True)
class DataSource:
    """Files, or a data set of the hub where there are none.

    Attributes:
        files: of the questions.
        fewshot_files: of the worked examples; they go before those of the hub.
        where: the values that a question's row must hold; worked examples are taken as they are.
    """

    files: tuple[Path, ...] = ()
    fewshot_files: tuple[Path, ...] = ()
    hub: HubDataset | None = None
    where: Mapping[str, Value] = field(default_factory=dict)

    def describe(self) -> str:
        """Where the questions come from, in words."""
        where = f" where {_conditions(self.where)}" if self.where else ""
        if self.hub is not None:
            config = f", {self.hub.config}" if self.hub.config else ""
            return f"{self.hub.id}{config}, {self.hub.split} at {self.hub.revision}{where}"
        return ", ".join(map(str, self.files)) + where

    @property
    def has_fewshot(self) -> bool:
        """Whether there are worked examples."""
        return bool(self.fewshot_files) or (self.hub is not None and self.hub.fewshot_split is not None)

    def check(self) -> None:
        """Whether the data is there; fetches what the hub has and the cache has not.

        Raises:
            DatasetError: it is missing; says how to get it.
        """
        if self.hub is not None:
            hub_files(self.hub, self.hub.split)
        for path in (*self.files, *self.fewshot_files):
            check_file(path)

    def rows(self) -> Iterator[Row]:
        """The questions' rows.

        Raises:
            DatasetError: none of them holds what ``where`` asks for.
        """
        rows = hub_rows(self.hub, self.hub.split) if self.hub is not None else _all_rows(self.files)
        return _matching(rows, self.where) if self.where else rows

    def fewshot_rows(self) -> Iterator[Row] | None:
        """The worked examples' rows; None where there are none at hand."""
        if self.fewshot_files:
            return _all_rows(self.fewshot_files)
        if self.hub is not None and self.hub.fewshot_split is not None:
            return hub_rows(self.hub, self.hub.fewshot_split)
        return None


def resolve(benchmark: str, hub: HubDataset | None, settings: DatasetSettings, data_root: Path | None) -> DataSource:
    """A task's own files first, then a folder of the benchmark's name below ``data_root``, then the hub.

    Nothing is read yet; relative paths are taken as they are. A split that holds the questions never gives the worked
    examples too: they would hold the answers.

    Raises:
        DatasetError: nothing of these, or a folder without the split.
    """
    return replace(_find(benchmark, hub, settings, data_root), where=settings.where)


def _find(benchmark: str, hub: HubDataset | None, settings: DatasetSettings, data_root: Path | None) -> DataSource:
    split = settings.split or (hub.split if hub else "test")
    fewshot_split = hub.fewshot_split if hub else None
    if settings.path is not None:
        return _from_path(Path(settings.path), split, fewshot_split, settings)
    if data_root is not None and (data_root / benchmark).is_dir():
        return _from_path(data_root / benchmark, split, fewshot_split, settings)
    if settings.id is not None or hub is not None:
        fewshot = _fewshot_files(None, split, fewshot_split, settings)
        return DataSource(fewshot_files=tuple(fewshot), hub=_from_hub(hub, settings, split))
    raise DatasetError(f"{benchmark} has no data set of its own: name one with dataset: {{path: FILE}}")


def _from_path(path: Path, split: str, fewshot_split: str | None, settings: DatasetSettings) -> DataSource:
    files = find_split(path, split, settings.config) if path.is_dir() else [path]
    if not files:
        there = ", ".join(sorted(entry.name for entry in path.iterdir())[:10])
        raise DatasetError(
            f"{path} holds no file of the split {split}, such as {split}.jsonl.gz; it holds {there or 'nothing'}"
        )
    fewshot = _fewshot_files(files[0].parent, split, fewshot_split, settings)
    return DataSource(tuple(files), tuple(file for file in fewshot if file not in files))


def _fewshot_files(folder: Path | None, split: str, fewshot_split: str | None, settings: DatasetSettings) -> list[Path]:
    """The files that ``fewshot_path`` names, else those beside the questions."""
    if settings.fewshot_path is None:
        return find_split(folder, fewshot_split) if folder is not None and fewshot_split else []
    path = Path(settings.fewshot_path)
    if not path.is_dir():
        return [path]
    files = find_split(path, fewshot_split or split, settings.config)
    if not files:
        raise DatasetError(f"dataset.fewshot_path {path} holds no file of the split {fewshot_split or split}")
    return files


def _from_hub(hub: HubDataset | None, settings: DatasetSettings, split: str) -> HubDataset:
    if hub is not None and settings.id in (None, hub.id):
        return replace(
            hub,
            revision=settings.revision or hub.revision,
            split=split,
            config=settings.config or hub.config,
            fewshot_split=None if hub.fewshot_split == split else hub.fewshot_split,
        )
    if settings.revision is None:
        raise DatasetError(
            f"dataset.id {settings.id} needs dataset.revision, a commit: what is measured must not change"
        )
    return HubDataset(settings.id or "", settings.revision, split, settings.config)


def _all_rows(files: tuple[Path, ...]) -> Iterator[Row]:
    for path in files:
        yield from read_rows(path)


def _matching(rows: Iterable[Row], where: Mapping[str, Value]) -> Iterator[Row]:
    values: dict[str, set[str]] = {name: set() for name in where}
    columns: set[str] = set()
    found = False
    for row in rows:
        columns.update(row)
        there = {name: value for name in where if (value := _value(row, name)) is not None}
        if len(there) == len(where) and all(_is(there[name], wanted) for name, wanted in where.items()):
            found = True
            yield row
        elif not found:
            for name, value in there.items():
                if len(values[name]) < _SHOWN:
                    values[name].add(str(value)[:40])
    if found or not columns:
        return
    for name, seen in values.items():
        if not seen:
            raise DatasetError(f"dataset.where: no row has a value in {name}; there are {', '.join(sorted(columns))}")
    held = "; ".join(f"{name} holds {', '.join(sorted(seen))}" for name, seen in values.items())
    raise DatasetError(f"dataset.where: no row has {_conditions(where)}; {held}")


def _value(row: Row, name: str) -> Json:
    try:
        return reach(row, name)
    except KeyError:
        return None


def _is(value: Json, wanted: Value) -> bool:
    """Whether a column holds a value, also as text: CSV knows nothing else."""
    if isinstance(wanted, bool) or isinstance(value, bool):
        return str(value).casefold() == str(wanted).casefold()
    return value == wanted or str(value) == str(wanted)


def _conditions(where: Mapping[str, Value]) -> str:
    return " and ".join(f"{name} = {value}" for name, value in where.items())
