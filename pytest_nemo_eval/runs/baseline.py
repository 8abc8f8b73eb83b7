"""Earlier results that a run is held against."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..scores import SampleResult
from .record import RunRecord

OWN = "pytest-nemo-eval"


@dataclass(frozen=True)
class Wanted:
    """Which of a baseline's benchmarks is asked for.

    Attributes:
        item: how pytest calls it, without the file: ``mmlu_pro[biology]``.
        scorer: decides between several readings of the same replies, which lm-eval logs together.
    """

    benchmark: str
    variant: str
    item: str
    scorer: str
    data_fingerprint: str


@dataclass(frozen=True)
class Baseline:
    """One benchmark of a baseline.

    Attributes:
        name: as the user named it.
        kind: whose files they are.
        record: what of them is known; "" and empty mappings are what is not.
        results: with the digest of each prompt where that is known.
    """

    name: str
    kind: str
    folder: Path
    record: RunRecord
    results: tuple[SampleResult, ...]


@dataclass(frozen=True)
class Stored:
    """A benchmark that a folder holds, before it is read."""

    benchmark: str
    variant: str
    item: str
    data_fingerprint: str
    path: Path
    load: Callable[[str, Wanted], Baseline]


def plain_name(name: str) -> str:
    """``lm-eval://MMLU-Pro`` as ``mmlu_pro``."""
    return re.sub(r"[^a-z0-9]+", "_", name.rpartition("://")[2].lower()).strip("_")
