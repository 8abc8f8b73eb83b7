"""Rows to samples: renamed columns, subsets, limits."""

from __future__ import annotations

import collections
import difflib
import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from ..chat import Json
from ..config.settings import Limit
from ..errors import DatasetError
from ..samples import Sample
from ..scores import digest_number
from ..spool import Spool
from .files import Row, reach


def load_samples(
    rows: Iterable[Row],
    make_sample: Callable[[Row, int], Sample],
    fields: Mapping[str, str],
    subsets: Sequence[str],
    limit: Limit | None,
) -> Sequence[Sample]:
    """The samples of a data set, of which few stay in memory.

    Of rows with one id the first keeps it; the others are ``id#2``, ``id#3``, ...

    Args:
        fields: our column names to those of the data, which may reach into objects: ``doc.question``.
        subsets: categories to keep; all without any.
        limit: the first so many of what is kept, or that fraction of it (at least one).

    Raises:
        DatasetError: a broken row, an unknown subset or column, or no sample at all.
        EvalError: no room on disk.
    """
    samples = _numbered(_samples(rows, make_sample, fields))
    if subsets:
        samples = _of_subsets(samples, subsets)
    chosen = Spool.of(itertools.islice(samples, limit if isinstance(limit, int) else None), Sample)
    if subsets:
        collections.deque(samples, 0)  # the rest is read too: it may have the subsets that are still to be seen
    if isinstance(limit, float):
        chosen = Spool.of(itertools.islice(chosen, _share(limit, len(chosen))), Sample)
    if not chosen:
        raise DatasetError("the data set holds no row: look at the file that dataset.path or the benchmark names")
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
        renamed: dict[str, Json] = {}
        for ours, theirs in fields.items():
            try:
                renamed[ours] = reach(row, theirs)
            except KeyError:
                there = ", ".join(row)
                raise DatasetError(f"row {index + 1} has no column {theirs} for {ours}; it has {there}") from None
        yield make_sample({**row, **renamed}, index)


def _numbered(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Recordings have several rows of one question, and published data sets have rows twice."""
    seen: set[int] = set()
    counts: collections.Counter[str] = collections.Counter()
    for sample in samples:
        name = sample.id
        while (number := digest_number(name)) in seen:
            counts[sample.id] += 1
            name = f"{sample.id}#{counts[sample.id] + 1}"
        seen.add(number)
        yield sample if name == sample.id else msgspec.structs.replace(sample, id=name)


def _of_subsets(samples: Iterable[Sample], subsets: Sequence[str]) -> Iterator[Sample]:
    categories: set[str] = set()
    for sample in samples:
        categories.add(sample.category)
        if sample.category in subsets:
            yield sample
    for subset in subsets:
        if subset not in categories:
            near = difflib.get_close_matches(subset, categories, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(categories)[:30])}"
            raise DatasetError(f"the data set has no subset {subset!r}; {hint}")


def _share(limit: float, count: int) -> int:
    if limit >= 1:
        raise DatasetError(f"limit_samples is {limit}: give a whole number of samples, or a fraction below 1")
    return max(1, math.floor(limit * count))
