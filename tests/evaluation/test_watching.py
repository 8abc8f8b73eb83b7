"""A server's own metrics in a Run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_nemo_eval import BenchmarkResult, Client, Endpoint, Sample, read_run
from pytest_nemo_eval.benchmarks import custom_benchmark
from pytest_nemo_eval.client import Pool, RetryPolicy
from pytest_nemo_eval.evaluation import Gating, Job, RunPlace
from pytest_nemo_eval.evaluation.watching import metrics_url
from pytest_nemo_eval.runs import ModelRecord
from pytest_nemo_eval.runs.server_metrics import SERVER_METRICS, MetricsFile
from pytest_nemo_eval.scorers import create_scorer
from tests.fake_endpoint import FakeEndpoint, Reply, serving
from tests.jobs import run_job
from tests.processes import wait_for

MODEL = ModelRecord(id="fake-model", url="http://fake/v1", protocol="chat", backend="hosted")
JOB = Job(
    item="eval_it.yaml::mine",
    benchmark=custom_benchmark("mine", "{question}", create_scorer("exact")),
    samples=[Sample(id=str(n), input=f"q{n}", target="yes") for n in range(3)],
    shots=(),
    num_fewshot=0,
    parameters={},
    gating=Gating(()),
    repeats=1,
    concurrency=1,
    max_errors=0,
    request_timeout=10.0,
    retries=0,
    data="made up",
    data_fingerprint="of-a-test",
)


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mine"


def running(*values: int) -> Iterator[Reply]:
    """What ``/metrics`` says, the last one for ever."""
    for value in itertools.chain(values, itertools.repeat(values[-1])):
        text = f'# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{{engine="0"}} {value}\nup 1\n'
        yield Reply(content=text.encode(), headers={"content-type": "text/plain"})


def run(folder: Path, pool: Pool, fake: FakeEndpoint) -> BenchmarkResult:
    try:
        client = Client(Endpoint(fake.url, "fake-model"), [], pool, RetryPolicy(retries=0), 10.0)
        return run_job(JOB, client, RunPlace(folder, MODEL))
    finally:
        pool.close_connections()


def test_even_a_short_run_has_a_line_of_its_start_and_one_of_its_end(folder: Path, pool: Pool) -> None:
    def answer(question: str) -> str:
        wait_for((folder / SERVER_METRICS).exists)
        return "yes"

    with serving(answer) as fake:
        fake.metrics = running(5, 2)
        result = run(folder, pool, fake)
    first, last = MetricsFile(folder / SERVER_METRICS).lines()
    assert (first.metrics, last.metrics) == ({"vllm:num_requests_running": 5}, {"vllm:num_requests_running": 2})
    assert 0 <= first.seconds <= last.seconds
    record = read_run(folder).record
    assert record.server_metrics == {"vllm:num_requests_running": (5, 2, 5)}
    assert record == result.record


def test_a_run_that_ends_at_once_has_the_line_of_its_end(folder: Path, pool: Pool) -> None:
    with serving(lambda _: "yes") as fake:
        fake.metrics = running(4)
        run(folder, pool, fake)
    assert read_run(folder).record.server_metrics == {"vllm:num_requests_running": (4, 4, 4)}


@pytest.mark.parametrize(
    "said",
    [
        Reply(status=404),
        Reply(content=b"<html>no such page</html>"),
        Reply(content=b"go_goroutines 7\n"),
        Reply(content=b"\xff\xfe\x00"),
        Reply(status=503, content=b"vllm:num_requests_running 7\n"),
    ],
)
def test_a_server_that_tells_nothing_is_left_alone(folder: Path, pool: Pool, said: Reply) -> None:
    def answer(question: str) -> str:
        wait_for(lambda: fake.metrics_asked > 0)
        return "yes"

    with serving(answer) as fake:
        fake.metrics = itertools.repeat(said)
        result = run(folder, pool, fake)
    assert result.accuracy >= 1
    assert result.record.server_metrics == {}
    assert sorted(path.name for path in folder.iterdir()) == ["eval-mine.json", "journal.jsonl", "results.jsonl"]


def test_metrics_that_cannot_be_written_are_no_reason_to_fail(folder: Path, pool: Pool) -> None:
    def answer(question: str) -> str:
        wait_for(lambda: fake.metrics_asked > 0)
        return "yes"

    def blocked() -> Iterator[Reply]:
        for reply in running(1):
            (folder / SERVER_METRICS).mkdir(exist_ok=True)
            yield reply

    with serving(answer) as fake:
        fake.metrics = blocked()
        assert run(folder, pool, fake).accuracy >= 1


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://h:8000/v1", "http://h:8000/metrics"),
        ("http://h:8000/some/v1", "http://h:8000/some/metrics"),
        ("https://integrate.api.nvidia.com/v1", None),
        ("replay:/runs/x", None),
    ],
)
def test_only_servers_of_ones_own_are_asked(base: str, url: str | None) -> None:
    assert metrics_url(Endpoint(base, "m")) == url
