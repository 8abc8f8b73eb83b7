from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval.datasets.files import find_split, read_rows
from pytest_nemo_eval.errors import DatasetError

ROWS = [{"question": '1+1, or "two"?', "answer": "2"}, {"question": "a\r\nb\u2028c", "answer": "π"}]


def jsonl(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def as_json(rows: list[dict[str, str]]) -> bytes:
    return json.dumps(rows).encode()


def wrapped(rows: list[dict[str, str]]) -> bytes:
    return json.dumps({"version": 1, "rows": rows}).encode()


def as_csv(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    ("name", "write"), [("d.jsonl", jsonl), ("d.json", as_json), ("d.json", wrapped), ("d.csv", as_csv)]
)
def test_every_format(
    tmp_path: Path, name: str, write: Callable[[list[dict[str, str]]], bytes], mark: bytes, packed: bool
) -> None:
    path = tmp_path / (name + ".gz" * packed)
    data = mark + write(ROWS)
    path.write_bytes(gzip.compress(data) if packed else data)
    assert list(read_rows(path)) == ROWS


@pytest.mark.parametrize("name", ["d.jsonl", "d.json", "d.json.gz"])
def test_json_lines_in_either_name(tmp_path: Path, name: str) -> None:
    data = b"\xef\xbb\xbf\n" + jsonl(ROWS).replace(b"\n", b"\r\n")
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert list(read_rows(tmp_path / name)) == ROWS


@pytest.mark.parametrize(("name", "form"), [("d.jsonl", b"%s"), ("d.json", b"[%s]")])
def test_what_pandas_and_tokenizers_leave(tmp_path: Path, name: str, form: bytes) -> None:
    row = rb'{"a": "\ud83d\ude00 \ud83d", "b": NaN, "c": [-Infinity], "d": "NaN \\ud83d"}'
    (tmp_path / name).write_bytes(form % row)
    assert list(read_rows(tmp_path / name)) == [
        {"a": "\U0001f600 \ufffd", "b": None, "c": [float("-inf")], "d": "NaN \\ud83d"}
    ]


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"question": "?", "options": ["a", "b"], "answer_index": 1}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "d.parquet")
    assert list(read_rows(tmp_path / "d.parquet")) == rows


def test_broken_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "d.parquet").write_bytes(b"not parquet")
    with pytest.raises(DatasetError, match=r"d\.parquet is not parquet"):
        list(read_rows(tmp_path / "d.parquet"))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("d.jsonl", b'{"a": 1}\n\n{"a": \n', r"d\.jsonl:3: is not JSON"),
        ("d.jsonl", b'{"a": 1}\n{"a": "\xff"}\n', r"d\.jsonl:2: is not JSON"),
        ("d.jsonl", b"[1]\n", r"d\.jsonl:1: a row should be an object"),
        ("d.jsonl", b"[" * 100_000, r"d\.jsonl:1: is not JSON"),
        ("d.json", b'{"a": [], "b": []}', "an object with one list; it has 2"),
        ("d.json", b"3", "should hold a list"),
        ("d.json", b"", r"d\.json: is not JSON"),
        ("d.json", b'[{"a": 1},\n{"a": ]', r"d\.json: is not JSON"),
        ("d.json", b'{"a": 1}\n\n{"a": \n', r"d\.json:3: is not JSON"),
        ("d.json", b"[{}, 3]", "row 2: a row should be an object"),
        ("d.csv", b"a,b\n1,2\n1\n", r"d\.csv:3: the row has not as many fields"),
        ("d.csv", b"a,b\n1,2,3\n", r"d\.csv:2: the row has not as many fields"),
        ("d.csv", b'a,b\n1,"2\n', r"d\.csv:2: is not CSV"),
        ("d.csv", b"a,b\n1,\xff\n", "cannot be read"),
        ("d.jsonl.gz", b"plain", "cannot be read"),
        ("d.jsonl.gz", gzip.compress(b'{"a": 1}\n', mtime=0)[:-9], "cannot be read"),
        ("d.jsonl.gz", gzip.compress(b"", mtime=0)[:10] + b"\xff" * 20, "cannot be read"),
        ("d.txt", b"", "of no known kind"),
        ("d.parquet.gz", b"", "of no known kind"),
    ],
)
def test_a_broken_file_says_where(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DatasetError, match=message):
        list(read_rows(tmp_path / name))


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl.gz").touch()
    with pytest.raises(DatasetError, match=r"tset\.jsonl\.gz; did you mean test\.jsonl\.gz\?"):
        list(read_rows(tmp_path / "tset.jsonl.gz"))
    with pytest.raises(DatasetError, match="there is no folder"):
        list(read_rows(tmp_path / "missing" / "test.jsonl"))


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
@given(data=st.binary(max_size=60) | st.text(alphabet='{}[]",:\n\\ud8a1', max_size=40).map(str.encode))
def test_any_bytes_are_rows_or_an_error(tmp_path_factory: pytest.TempPathFactory, kind: str, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{kind}"
    path.write_bytes(data)
    try:
        rows = list(read_rows(path))
    except DatasetError:
        return
    assert all(isinstance(row, dict) for row in rows)


@pytest.mark.parametrize("place", ["", "main", "data"])
@pytest.mark.parametrize("files", [["test.csv.gz"], ["test-00000-of-00002.parquet", "test-00001-of-00002.parquet"]])
def test_a_split_is_found(tmp_path: Path, place: str, files: list[str]) -> None:
    folder = tmp_path / place
    folder.mkdir(exist_ok=True)
    for file in [*files, "train.csv", "test2.csv", "test-extra-00000-of-00001.parquet.bak"]:
        (folder / file).touch()
    assert find_split(tmp_path, "test", "main") == [folder / file for file in files]
    assert find_split(tmp_path, "validation", "main") == []
    assert find_split(folder / "train.csv", "test") == [folder / "train.csv"]


def test_a_part_of_a_split_is_not_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "test-00001-of-00003.parquet").touch()
    with pytest.raises(DatasetError, match="holds 1 of the 00003 files"):
        find_split(tmp_path, "test")
