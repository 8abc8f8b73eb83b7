"""Values that are kept on disk."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval import spool
from pytest_nemo_eval.chat import Json
from pytest_nemo_eval.samples import Sample
from pytest_nemo_eval.spool import Spool

SAMPLES = [
    Sample(id=str(n), input=f"q{n} " + "é" * n, target="x", metadata={"n": n, "deep": [{"a": None}]}) for n in range(50)
]
TEXT = st.text() | st.text(alphabet="a\ud800")
JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(params=[0, 1000, 1_000_000], ids=["on disk", "in part", "in memory"])
def in_memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", request.param)


def temporary_files() -> int:
    """How many files without a name are open."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.fstat(int(name)).st_nlink == 0
        except OSError:
            continue
    return found


@pytest.mark.usefixtures("in_memory")
def test_it_is_a_sequence() -> None:
    kept = Spool.of(iter(SAMPLES), Sample)
    assert len(kept) == 50
    assert list(kept) == SAMPLES == list(kept)
    assert (kept[0], kept[7], kept[-1]) == (SAMPLES[0], SAMPLES[7], SAMPLES[-1])
    assert kept[3:40:5] == SAMPLES[3:40:5]
    assert kept[::-1] == list(reversed(kept)) == SAMPLES[::-1]
    assert SAMPLES[9] in kept
    assert kept.index(SAMPLES[9]) == 9
    for index in (50, -51):
        with pytest.raises(IndexError):
            kept[index]


@pytest.mark.usefixtures("in_memory")
def test_it_grows_while_it_is_read() -> None:
    kept = Spool(Sample)
    assert list(kept) == []
    for n, sample in enumerate(SAMPLES, 1):
        kept.append(sample)
        assert (len(kept), kept[n - 1], kept[0]) == (n, sample, SAMPLES[0])


def test_few_are_kept_as_they_are() -> None:
    files = temporary_files()
    kept = Spool.of(SAMPLES, Sample)
    assert all(one is other for one, other in zip(kept, SAMPLES, strict=True))
    assert temporary_files() == files


def test_the_file_goes_with_the_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 0)
    files = temporary_files()
    kept = Spool.of(SAMPLES, Sample)
    assert temporary_files() == files + 1
    del kept
    gc.collect()
    assert temporary_files() == files


@pytest.mark.usefixtures("in_memory")
def test_several_threads_may_look() -> None:
    kept = Spool.of(SAMPLES, Sample)
    with ThreadPoolExecutor(8) as pool:
        assert all(seen == SAMPLES for seen in pool.map(lambda _: list(kept), range(50)))


@pytest.mark.usefixtures("in_memory")
@given(st.lists(st.tuples(TEXT, JSON), max_size=5))
def test_what_goes_in_comes_out(values: list[tuple[str, Json]]) -> None:
    samples = [Sample(id=text, input=text, target="", metadata={"m": value}) for text, value in values]
    assert list(Spool.of(samples, Sample)) == samples


def test_memory_does_not_grow_with_the_texts() -> None:
    samples = (Sample(id=str(n), input=f"{n} " + "x" * 1000, target="7") for n in range(20_000))
    tracemalloc.start()
    try:
        kept = Spool.of(samples, Sample)
        assert sum(len(sample.input) for sample in kept) > 20_000_000
        alive, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == 20_000
    assert alive < 5_000_000
    assert most < 6_000_000


def test_a_full_disk_is_named() -> None:
    code = (
        "import resource\n"
        "from pytest_nemo_eval.errors import EvalError\n"
        "from pytest_nemo_eval.samples import Sample\n"
        "from pytest_nemo_eval.spool import Spool\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))\n"
        "kept = Spool(Sample)\n"
        "try:\n"
        "    for n in range(5000):\n"
        "        kept.append(Sample(id=str(n), input='x' * 1000, target=''))\n"
        "except EvalError as error:\n"
        "    assert [sample.id for sample in kept] == [str(n) for n in range(len(kept))]\n"
        "    print(error)\n"
    )
    made = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "File too large; make room there, or set TMPDIR" in made.stdout
    assert made.stderr == ""
