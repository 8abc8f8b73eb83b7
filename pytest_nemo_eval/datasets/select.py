"""Rows to samples: renamed columns, subsets, limits."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from ..config.settings import Limit
from ..errors import DatasetError
from ..samples import Sample
from .files import Row


def load_samples(
    rows: Iterable[Row],
    make_sample: Callable[[Row, int], Sample],
    fields: Mapping[str, str],
    subsets: Sequence[str],
    limit: Limit | None,
) -> list[Sample]:
    """The samples of a data set.

    Args:
        fields: our column names to those of the data.
        subsets: categories to keep; all without any.
        limit: the first so many of what is kept, or that fraction of it (at least one).

    Raises:
        DatasetError: a broken row, an unknown subset or column, an id that stands twice, or no sample at all.
    """
    samples = _samples(rows, make_sample, fields)
    if isinstance(limit, int) and not subsets:
        chosen = list(itertools.islice(samples, limit))
    else:
        chosen = _of_subsets(list(samples), subsets)
        chosen = chosen[:limit] if isinstance(limit, int) else chosen[: _share(limit, len(chosen))]
    if not chosen:
        raise DatasetError("the data set holds no row: look at the file that dataset.path or the benchmark names")
    seen: set[str] = set()
    for sample in chosen:
        if sample.id in seen:
            raise DatasetError(
                f"two rows have the id {sample.id}: ids must be unique, so leave the id column out (rows are then "
                "numbered), or name another one with dataset.fields"
            )
        seen.add(sample.id)
    return chosen


def fingerprint(samples: Iterable[Sample]) -> str:
    """sha256 over all samples, in order."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(msgspec.json.encode(sample, order="deterministic"))
    return digest.hexdigest()


def _samples(
    rows: Iterable[Row], make_sample: Callable[[Row, int], Sample], fields: Mapping[str, str]
) -> Iterator[Sample]:
    for index, row in enumerate(rows):
        for ours, theirs in fields.items():
            if theirs not in row:
                raise DatasetError(f"row {index + 1} has no column {theirs} for {ours}; it has {', '.join(row)}")
        yield make_sample({**row, **{ours: row[theirs] for ours, theirs in fields.items()}}, index)


def _of_subsets(samples: list[Sample], subsets: Sequence[str]) -> list[Sample]:
    if not subsets:
        return samples
    categories = {sample.category for sample in samples}
    for subset in subsets:
        if subset not in categories:
            near = difflib.get_close_matches(subset, categories, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(categories)[:30])}"
            raise DatasetError(f"the data set has no subset {subset!r}; {hint}")
    return [sample for sample in samples if sample.category in subsets]


def _share(limit: Limit | None, count: int) -> int:
    if limit is None:
        return count
    if limit >= 1:
        raise DatasetError(f"limit_samples is {limit}: give a whole number of samples, or a fraction below 1")
    return max(1, math.floor(limit * count))
