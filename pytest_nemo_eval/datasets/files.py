"""Rows out of files: JSONL, JSON, CSV, each also gzipped, and parquet."""

from __future__ import annotations

import codecs
import csv
import difflib
import glob
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from ..chat import Json, decode_json
from ..errors import DatasetError

Row = Mapping[str, Json]
EXTENSIONS = (".jsonl", ".json", ".csv", ".parquet", ".jsonl.gz", ".json.gz", ".csv.gz")
_LONGEST_FIELD = 100_000_000


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, one mapping of column to value each.

    Raises:
        DatasetError: missing, of an unknown kind, or broken; with file and line.
    """
    check_file(path)
    kind = _kind(path)
    try:
        if kind == ".parquet":
            yield from _parquet(path)
        elif kind == ".csv":
            yield from _csv(path)
        elif kind == ".json":
            yield from _json(path)
        else:
            yield from _jsonl(path)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read ({error}): is it whole, and UTF-8? fetch or write it anew") from None


def reach(row: Row, name: str) -> Json:
    """The value of a column, or of ``column.key`` inside of an object.

    Raises:
        KeyError: there is none.
    """
    if name in row:
        return row[name]
    value: Json = dict(row)
    for part in name.split("."):
        if not isinstance(value, dict):
            raise KeyError(name)
        value = value[part]
    return value


def check_file(path: Path) -> None:
    """Whether a file is there and of a known kind.

    Raises:
        DatasetError: it is not.
    """
    if not path.is_file():
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else "" if names else f"; there is no folder {path.parent}"
        raise DatasetError(f"there is no data set file {path}{hint}")
    if _kind(path) == "":
        raise DatasetError(f"{path} is of no known kind: a data set ends in {', '.join(EXTENSIONS)}")


def find_split(path: Path, split: str, config: str | None = None) -> list[Path]:
    """The files of a split: a file is its own; in a folder, ``SPLIT.jsonl.gz`` or the hub's shards, in order.

    Looks into the folder, its subfolders ``config`` and ``data``; empty where there is nothing.

    Raises:
        DatasetError: some of the shards are missing.
    """
    if path.is_file():
        return [path]
    for place in [path, *([path / config] if config else []), path / "data"]:
        for extension in EXTENSIONS:
            if (place / f"{split}{extension}").is_file():
                return [place / f"{split}{extension}"]
        shards = sorted(place.glob(f"{glob.escape(split)}-*-of-*.parquet"))
        if shards:
            _check_shards(shards)
            return shards
    return []


def _check_shards(shards: list[Path]) -> None:
    """A part of a data set must not pass for all of it."""
    count = shards[0].stem.rpartition("-of-")[2]
    if not count.isdecimal() or len(shards) != int(count):
        raise DatasetError(
            f"{shards[0].parent} holds {len(shards)} of the {count} files like {shards[0].name}: fetch the rest of them"
        )


def _kind(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    kind = Path(name).suffix
    known = kind in (".jsonl", ".json", ".csv") or (kind == ".parquet" and name == path.name)
    return kind if known else ""


def _open(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _text(path: Path) -> io.TextIOWrapper:
    return io.TextIOWrapper(_open(path), encoding="utf-8-sig", newline="")


def _jsonl(path: Path) -> Iterator[Row]:
    with _open(path) as file:
        yield from _lines(file, path)


def _lines(lines: Iterable[bytes], path: Path) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(codecs.BOM_UTF8).strip()
        if text:
            yield _row(_decode(text, f"{path}:{number}"), f"{path}:{number}")


def _json(path: Path) -> Iterator[Row]:
    with _open(path) as file:
        content = file.read().removeprefix(codecs.BOM_UTF8)
    try:
        value = _decode(content, str(path))
    except DatasetError:
        lines = content.splitlines()
        if not _is_object(next((line for line in lines if line.strip()), b"")):
            raise
        yield from _lines(lines, path)  # JSON Lines under another name
        return
    if isinstance(value, dict):
        lists = [item for item in value.values() if isinstance(item, list)]
        if len(lists) != 1:
            raise DatasetError(f"{path} should hold a list of rows, or an object with one list; it has {len(lists)}")
        value = lists[0]
    if not isinstance(value, list):
        raise DatasetError(f"{path} should hold a list of rows")
    for number, item in enumerate(value, 1):
        yield _row(item, f"{path}, row {number}")


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(decode_json(line), dict)
    except ValueError:
        return False


def _csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))  # for the whole process, so only ever raised
    with _text(path) as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for row in reader:
                if None in row or None in row.values():
                    raise DatasetError(f"{path}:{reader.line_num}: the row has not as many fields as the header")
                yield dict(row)
        except csv.Error as error:
            raise DatasetError(f"{path}:{reader.reader.line_num}: is not CSV: {error}") from None


def _parquet(path: Path) -> Iterator[Row]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DatasetError(f"{path} is parquet, which needs: pip install 'pytest-nemo-eval[hf]'") from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1000):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise DatasetError(f"{path} is not parquet: {error}") from None


def _decode(text: bytes, where: str) -> Json:
    try:
        value: Json = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        try:
            return decode_json(text)
        except ValueError:
            raise DatasetError(f"{where}: is not JSON: {error}") from None
    return value


def _row(value: Json, where: str) -> Row:
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: a row should be an object of columns, not {str(value)[:60]!r}")
    return value
