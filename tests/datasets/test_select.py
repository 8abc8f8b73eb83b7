from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator, Sequence

import pytest

from pytest_nemo_eval.config.settings import Limit
from pytest_nemo_eval.datasets import fingerprint, load_samples
from pytest_nemo_eval.datasets.files import Row
from pytest_nemo_eval.errors import DatasetError
from pytest_nemo_eval.samples import Sample

ROWS: Sequence[Row] = [{"q": f"question {n}", "subject": ("law", "health")[n % 2]} for n in range(10)]


def make(row: Row, index: int) -> Sample:
    return Sample(
        id=str(row.get("id", index)),
        input=str(row.get("question", row.get("q"))),
        target="x",
        category=str(row["subject"]),
    )


def ids(subsets: Sequence[str] = (), limit: Limit | None = None) -> list[str]:
    return [sample.id for sample in load_samples(ROWS, make, {}, subsets, limit)]


@pytest.mark.parametrize(
    ("subsets", "limit", "expected"),
    [
        ((), None, "0123456789"),
        ((), 3, "012"),
        ((), 99, "0123456789"),
        ((), 0.25, "01"),
        ((), 0.001, "0"),
        (("health",), None, "13579"),
        (("health",), 2, "13"),
        (("health",), 0.5, "13"),
        (("law", "health"), 3, "012"),
    ],
)
def test_selection(subsets: Sequence[str], limit: Limit | None, expected: str) -> None:
    assert "".join(ids(subsets, limit)) == expected


def test_columns_are_renamed() -> None:
    samples = load_samples([{"prompt": "p", "subject": "s"}], make, {"question": "prompt"}, (), None)
    assert samples[0].input == "p"
    with pytest.raises(DatasetError, match="row 1 has no column prompt for question; it has q, subject"):
        load_samples(ROWS, make, {"question": "prompt"}, (), None)


def test_an_unknown_subset_names_the_nearest() -> None:
    with pytest.raises(DatasetError, match=re.escape("no subset 'helth'; did you mean health?")):
        ids(["helth"])
    with pytest.raises(DatasetError, match="there are health, law"):
        ids(["zzz"])


@pytest.mark.parametrize(("limit", "kept"), [(None, 10_000), (0.5, 5_000), (20, 20)])
def test_samples_stay_on_disk(limit: Limit | None, kept: int) -> None:
    rows: Iterator[Row] = ({"q": f"{n} " + "x" * 1000, "subject": ("law", "health")[n % 2]} for n in range(20_000))
    tracemalloc.start()
    try:
        samples = load_samples(rows, make, {}, ["law"], limit)
        assert all(sample.category == "law" for sample in samples)
        alive = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(samples) == kept
    assert alive < 5_000_000


def test_an_unknown_subset_is_named_though_there_are_enough_samples() -> None:
    with pytest.raises(DatasetError, match="no subset 'helth'"):
        ids(["law", "helth"], 1)


def test_a_fraction_above_one_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"limit_samples is 1\.5"):
        ids(limit=1.5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("7 7 8 7 8", "7 7#2 8 7#3 8#2"),
        ("7#2 7 7 7", "7#2 7 7#3 7#4"),
        ("7 7 7#2", "7 7#2 7#2#2"),
    ],
)
def test_ids_are_made_unique(given: str, expected: str) -> None:
    rows: list[Row] = [{"id": name, "q": "", "subject": ""} for name in given.split()]
    samples = load_samples(rows, make, {}, (), None)
    assert [sample.id for sample in samples] == expected.split()


def test_numbers_of_ids_do_not_depend_on_what_is_kept() -> None:
    rows: list[Row] = [{"id": 7, "q": "", "subject": subject} for subject in ("law", "health", "law")]
    assert [sample.id for sample in load_samples(rows, make, {}, ["health"], 1)] == ["7#2"]


def test_columns_inside_of_objects() -> None:
    rows: list[Row] = [{"doc": {"text": {"en": "p"}}, "subject": "s"}]
    assert load_samples(rows, make, {"question": "doc.text.en"}, (), None)[0].input == "p"
    assert load_samples([{"doc.text": "flat", **rows[0]}], make, {"question": "doc.text"}, (), None)[0].input == "flat"
    for name in ("doc.txt", "doc.text.en.x", "docs.text", "doc."):
        with pytest.raises(DatasetError, match=f"row 1 has no column {name} for question; it has doc, subject"):
            load_samples(rows, make, {"question": name}, (), None)


def test_no_rows() -> None:
    with pytest.raises(DatasetError, match="holds no row"):
        load_samples([], make, {}, (), None)


def test_fingerprints_follow_content_and_order() -> None:
    one, two = (Sample(id=name, input="?", target="x", metadata={"b": 1, "a": 2}) for name in "12")
    same = Sample(id="1", input="?", target="x", metadata={"a": 2, "b": 1})
    assert re.fullmatch("[0-9a-f]{64}", fingerprint([one]))
    assert fingerprint([one, two]) == fingerprint(iter([same, two]))
    assert len({fingerprint(s) for s in ([], [one], [two], [one, two], [two, one])}) == 5
