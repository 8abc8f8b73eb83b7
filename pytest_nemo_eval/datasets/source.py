"""Which files or which data set of the hub a benchmark's samples come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..config.settings import DatasetSettings
from ..errors import DatasetError
from .files import Row, check_file, find_split, read_rows
from .hub import HubDataset, hub_files, hub_rows


@dataclass(frozen=True)
class DataSource:
    """Files, or a data set of the hub where there are none.

    Attributes:
        files: of the questions; ``fewshot_files`` of the worked examples.
    """

    files: tuple[Path, ...] = ()
    fewshot_files: tuple[Path, ...] = ()
    hub: HubDataset | None = None

    def describe(self) -> str:
        """Where the questions come from, in words."""
        if self.hub is not None:
            config = f", {self.hub.config}" if self.hub.config else ""
            return f"{self.hub.id}{config}, {self.hub.split} at {self.hub.revision}"
        return ", ".join(map(str, self.files))

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
        """The questions' rows."""
        if self.hub is not None:
            yield from hub_rows(self.hub, self.hub.split)
        for path in self.files:
            yield from read_rows(path)

    def fewshot_rows(self) -> Iterator[Row] | None:
        """The worked examples' rows; None where there are none at hand."""
        if self.hub is not None:
            return hub_rows(self.hub, self.hub.fewshot_split) if self.hub.fewshot_split else None
        return _all_rows(self.fewshot_files) if self.fewshot_files else None


def resolve(benchmark: str, hub: HubDataset | None, settings: DatasetSettings, data_root: Path | None) -> DataSource:
    """A task's own files first, then a folder of the benchmark's name below ``data_root``, then the hub.

    Raises:
        DatasetError: nothing of these.
    """
    split = settings.split or (hub.split if hub else "test")
    fewshot_split = hub.fewshot_split if hub else None
    if settings.path is not None:
        return _from_path(Path(settings.path), split, fewshot_split, settings)
    if data_root is not None and find_split(data_root / benchmark, split):
        return _from_path(data_root / benchmark, split, fewshot_split, settings)
    if settings.id is not None or hub is not None:
        return DataSource(hub=_from_hub(hub, settings, split))
    raise DatasetError(f"{benchmark} has no data set of its own: name one with dataset: {{path: FILE}}")


def _from_path(path: Path, split: str, fewshot_split: str | None, settings: DatasetSettings) -> DataSource:
    if path.is_dir():
        files = find_split(path, split, settings.config)
        if not files:
            raise DatasetError(f"{path} holds no file of the split {split}, such as {split}.jsonl.gz")
        folder = files[0].parent
    else:
        files, folder = [path], path.parent
    if settings.fewshot_path is not None:
        fewshot = [Path(settings.fewshot_path)]
    else:
        fewshot = find_split(folder, fewshot_split) if fewshot_split else []
    if path in fewshot:
        fewshot = []  # the questions' own file is no source of worked examples
    return DataSource(tuple(files), tuple(fewshot))


def _from_hub(hub: HubDataset | None, settings: DatasetSettings, split: str) -> HubDataset:
    if settings.id is None and hub is not None:
        return HubDataset(
            hub.id, settings.revision or hub.revision, split, settings.config or hub.config, hub.fewshot_split
        )
    if settings.revision is None:
        raise DatasetError(
            f"dataset.id {settings.id} needs dataset.revision, a commit: what is measured must not change"
        )
    return HubDataset(settings.id or "", settings.revision, split, settings.config)


def _all_rows(files: tuple[Path, ...]) -> Iterator[Row]:
    for path in files:
        yield from read_rows(path)
