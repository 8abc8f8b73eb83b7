"""Rows out of data sets of the Hugging Face hub: the parquet files of one split, at a pinned revision."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import DatasetError
from .files import Row, find_split, read_rows


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
    """The files of a split, out of the hub's cache, or fetched into it.

    Raises:
        DatasetError: the extra is missing, there is no network, the data set is gated, or has no such split; says what
            to do.
    """
    try:
        import huggingface_hub
        from huggingface_hub import errors
    except ImportError:
        raise DatasetError(
            f"{dataset.id} comes from the Hugging Face hub, which needs: pip install 'pytest-nemo-eval[hf]'; {_elsewhere()}"
        ) from None
    try:
        folder = huggingface_hub.snapshot_download(
            dataset.id,
            repo_type="dataset",
            revision=dataset.revision,
            allow_patterns=_patterns(dataset, split),
        )
    except errors.GatedRepoError:
        raise DatasetError(
            f"{dataset.id} is gated: accept its terms on the hub and set HF_TOKEN to a token of yours"
        ) from None
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError, ValueError) as error:
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        raise DatasetError(
            f"{dataset.id} could not be had from the Hugging Face hub{offline}: {_first_line(error)}; fetch it once "
            f"where there is a network: hf download --repo-type dataset {dataset.id} --revision {dataset.revision}; "
            f"{_elsewhere()}"
        ) from None
    files = find_split(Path(folder), split, dataset.config)
    if not files:
        raise DatasetError(f"{dataset.id} has no split {split} at revision {dataset.revision}; {_elsewhere()}")
    return files


def hub_rows(dataset: HubDataset, split: str) -> Iterator[Row]:
    """The rows of a split."""
    for path in hub_files(dataset, split):
        yield from read_rows(path)


def _patterns(dataset: HubDataset, split: str) -> list[str]:
    places = ["", "data/", *([f"{dataset.config}/"] if dataset.config else [])]
    return [f"{place}{split}-*.parquet" for place in places] + [f"{place}{split}.*" for place in places]


def _elsewhere() -> str:
    return (
        "or name files with dataset: {path: ...}, or a folder of BENCHMARK/SPLIT.jsonl.gz with the ini value eval_data"
    )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:300]
