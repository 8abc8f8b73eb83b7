from __future__ import annotations

import re
from collections.abc import Sequence

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


def test_a_fraction_above_one_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"limit_samples is 1\.5"):
        ids(limit=1.5)


def test_ids_are_unique() -> None:
    with pytest.raises(DatasetError, match="two rows have the id 7"):
        load_samples([{"id": 7, "q": "", "subject": ""}] * 2, make, {}, (), None)


def test_no_rows() -> None:
    with pytest.raises(DatasetError, match="holds no row"):
        load_samples([], make, {}, (), None)


def test_fingerprints_follow_content_and_order() -> None:
    one, two = (Sample(id=name, input="?", target="x", metadata={"b": 1, "a": 2}) for name in "12")
    same = Sample(id="1", input="?", target="x", metadata={"a": 2, "b": 1})
    assert re.fullmatch("[0-9a-f]{64}", fingerprint([one]))
    assert fingerprint([one, two]) == fingerprint(iter([same, two]))
    assert len({fingerprint(s) for s in ([], [one], [two], [one, two], [two, one])}) == 5
