"""Samples that are read from a Run as they are looked at."""

from __future__ import annotations

import gc
import os
import tracemalloc
from array import array
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from pytest_nemo_eval.errors import EvalError
from pytest_nemo_eval.runs import ResultFile, index_results, results_in_order
from pytest_nemo_eval.scores import SampleResult, Score

RESULTS = [
    SampleResult(sample_id=f"q{n % 5}", repeat=n // 5, reply=f"{n}\nüé" * n, score=Score(value=n / 9, answer=None))
    for n in range(10)
]


def written(path: Path, *results: SampleResult, tail: bytes = b"") -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(result) + b"\n" for result in results) + tail)
    return path


def test_it_is_a_sequence(tmp_path: Path) -> None:
    found = index_results(written(tmp_path / "results.jsonl", *RESULTS))
    assert isinstance(found, ResultFile)
    assert len(found) == 10
    assert list(found) == RESULTS
    assert (found[0], found[3], found[-1]) == (RESULTS[0], RESULTS[3], RESULTS[9])
    assert found[2:7:2] == RESULTS[2:7:2]
    assert found[::-1] == list(reversed(found)) == RESULTS[::-1]
    assert RESULTS[4] in found
    with pytest.raises(IndexError):
        found[10]


def test_an_order_of_ones_own(tmp_path: Path) -> None:
    path = written(tmp_path / "results.jsonl", *RESULTS)
    keys = [(result.sample_id, result.repeat) for result in reversed(RESULTS)]
    assert list(results_in_order(path, keys)) == RESULTS[::-1]
    with pytest.raises(EvalError, match=r"has no result of sample and repeat \('q9', 0\)"):
        results_in_order(path, [("q9", 0)])


def test_the_last_line_of_a_sample_counts_in_the_place_of_its_first(tmp_path: Path) -> None:
    again = msgspec.structs.replace(RESULTS[1], reply="once more")
    found = index_results(written(tmp_path / "results.jsonl", *RESULTS[:3], again))
    assert list(found) == [RESULTS[0], again, RESULTS[2]]


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "results.jsonl", *RESULTS[:2], tail=b'{"sample_id": "q7"')
    assert list(index_results(path)) == RESULTS[:2]
    assert list(index_results(written(tmp_path / "empty.jsonl"))) == []


@pytest.mark.parametrize("length", [0, 8100, 8192, 8300, 100_000, 5_000_000])
def test_long_replies(tmp_path: Path, length: int) -> None:
    long = SampleResult(sample_id="long", reply="é" * length)
    found = index_results(written(tmp_path / "results.jsonl", long, RESULTS[0], long))
    assert list(found) == [long, RESULTS[0]]


def test_it_may_be_read_by_several_threads(tmp_path: Path) -> None:
    found = index_results(written(tmp_path / "results.jsonl", *RESULTS))
    with ThreadPoolExecutor(8) as pool:
        assert all(seen == RESULTS for seen in pool.map(lambda _: list(found), range(50)))


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "results.jsonl", *RESULTS)
    unread, read = index_results(path), index_results(path)
    assert read[0] == RESULTS[0]
    path.unlink()
    assert list(read) == RESULTS
    with pytest.raises(EvalError, match=rf"cannot be read from {path}: No such file"):
        unread[0]
    with pytest.raises(EvalError, match=rf"cannot be read from {path}: No such file"):
        index_results(path)


@pytest.mark.parametrize("content", [b"", b'{"repeat": 1}\n', b'{"sample_id": "\xff"}\n', b"[1]\n"])
def test_a_file_that_was_changed_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(content)
    with pytest.raises(EvalError, match=rf"{path} was changed: at byte 0 is no sample's result"):
        ResultFile(path, array("q", [0]))[0]


def test_what_is_no_result_cannot_be_indexed(tmp_path: Path) -> None:
    path = written(tmp_path / "results.jsonl", RESULTS[0], tail=b"{}\n")
    with pytest.raises(EvalError, match=rf"{path}: at byte \d+ is no sample's result: .*sample_id"):
        index_results(path)


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    path = written(tmp_path / "results.jsonl", *RESULTS)
    index_results(path)[0]
    gc.collect()
    open_files = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    assert str(path) not in open_files


def test_no_texts_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with path.open("wb") as file:
        for n in range(5000):
            file.write(msgspec.json.encode(SampleResult(sample_id=str(n), reply="x" * 2000)) + b"\n")
    tracemalloc.start()
    try:
        found = index_results(path)
        assert sum(len(result.reply) for result in found) == 10_000_000
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 200_000
    assert most < 3_000_000
