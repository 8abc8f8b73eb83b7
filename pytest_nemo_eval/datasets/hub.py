"""Rows out of data sets of the Hugging Face hub: the parquet files of one split, at a pinned revision."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import DatasetError
from .files import Row, find_split, read_rows

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubDataset:
    """A data set of the hub.

    Attributes:
        id: such as openai/gsm8k.
        revision: a commit, so that what is measured does not change by itself.
        fewshot_split: where worked examples come from; None without any.
    """

    id: str
    revision: str
    split: str
    config: str | None = None
    fewshot_split: str | None = None


def hub_files(dataset: HubDataset, split: str) -> list[Path]:
    """The files of a split, out of the hub's cache, or fetched into it. ``HF_HUB_OFFLINE`` is honoured.

    Raises:
        DatasetError: the extra is missing, there is no network, the data set is gated, or has no such split; says what
            to do.
    """
    try:
        import huggingface_hub  # noqa: F401  # only whether it is there
    except ImportError:
        raise DatasetError(
            f"{dataset.id} comes from the Hugging Face hub, which needs: pip install 'pytest-nemo-eval[hf]'; "
            f"{_elsewhere()}"
        ) from None
    found = _find(dataset, split)
    if isinstance(found, DatasetError):
        raise found.with_words(str(found))
    return list(found)


@functools.cache
def _find(dataset: HubDataset, split: str) -> tuple[Path, ...] | DatasetError:
    """Remembered for the process: without a network, the hub's library tries for half a minute each time."""
    try:
        files = _cached(dataset, split) or _snapshot(dataset, split)
    except DatasetError as error:
        return error
    except Exception as error:  # its own errors, the operating system's, and those of the HTTP library of its version
        return _in_words(dataset, error)
    if not files:
        return DatasetError(
            f"{dataset.id} at revision {dataset.revision} holds no split {split}{_offline()}: the data set has none, "
            f"or the cache was filled without it; {_fetch(dataset)}"
        )
    return tuple(files)


def _in_words(dataset: HubDataset, error: Exception) -> DatasetError:
    if type(error).__name__ == "GatedRepoError":  # by name: where it is imported from depends on the version
        words = f"{dataset.id} is gated: accept its terms on the hub and set HF_TOKEN to a token of yours"
    else:
        words = (
            f"{dataset.id} could not be had from the Hugging Face hub{_offline()}: {_first_line(error)}; "
            f"{_fetch(dataset)}"
        )
    return DatasetError(words)


def hub_rows(dataset: HubDataset, split: str) -> Iterator[Row]:
    """The rows of a split."""
    for path in hub_files(dataset, split):
        yield from read_rows(path)


def _cached(dataset: HubDataset, split: str) -> list[Path]:
    """What the cache has of a commit, which never changes: asking the hub takes half a minute without a network."""
    if not _COMMIT.fullmatch(dataset.revision):
        return []
    try:
        return _snapshot(dataset, split, local=True)
    except Exception:  # the hub's own words say better what is missing
        return []


def _snapshot(dataset: HubDataset, split: str, local: bool = False) -> list[Path]:
    import huggingface_hub

    folder = huggingface_hub.snapshot_download(
        dataset.id,
        repo_type="dataset",
        revision=dataset.revision,
        allow_patterns=_patterns(dataset, split),
        local_files_only=local,
    )
    return find_split(Path(folder), split, dataset.config)


def _patterns(dataset: HubDataset, split: str) -> list[str]:
    places = ["", "data/", *([f"{dataset.config}/"] if dataset.config else [])]
    return [f"{place}{split}-*.parquet" for place in places] + [f"{place}{split}.*" for place in places]


def _offline() -> str:
    return " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""


def _fetch(dataset: HubDataset) -> str:
    return (
        "fetch it once where there is a network: "
        f"hf download --repo-type dataset {dataset.id} --revision {dataset.revision}; {_elsewhere()}"
    )


def _elsewhere() -> str:
    return (
        "or name files with dataset: {path: ...}, or a folder of BENCHMARK/SPLIT.jsonl.gz with the ini value eval_data"
    )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:300]
