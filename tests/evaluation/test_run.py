from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest

from pytest_nemo_eval import (
    BenchmarkResult,
    Client,
    Endpoint,
    Gate,
    GateResult,
    Request,
    Response,
    Run,
    Sample,
    Threshold,
    Tier,
    Verdict,
    read_run,
)
from pytest_nemo_eval.benchmarks import Benchmark, custom_benchmark
from pytest_nemo_eval.client import Pool, RetryPolicy
from pytest_nemo_eval.endpoint import Protocol
from pytest_nemo_eval.errors import AccessError, ConfigError, EvalError, EvaluationError
from pytest_nemo_eval.evaluation import Book, Gating, Job, RunPlace, execution
from pytest_nemo_eval.interceptors import CallNext, Interceptor
from pytest_nemo_eval.metrics import Measurements
from pytest_nemo_eval.runs import ModelRecord, RunStatus
from pytest_nemo_eval.scorers import create_scorer
from tests.fake_endpoint import Reply, serving
from tests.jobs import run_job

MODEL = ModelRecord(id="fake-model", url="http://fake/v1", protocol="chat", backend="hosted")
MINE = custom_benchmark("mine", "{question}", create_scorer("exact"))


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


@dataclass(frozen=True)
class Broken:
    """A gate that raises."""

    error: Exception
    tier: Tier = Tier.SUPPORTING

    def judge(self, measured: Measurements) -> GateResult:
        raise self.error


def job_of(
    count: int, *, gates: tuple[Gate, ...] = (), repeats: int = 1, max_errors: int = 0, benchmark: Benchmark = MINE
) -> Job:
    """Asks q0, q1, ..., one after the other; right is "yes"."""
    return Job(
        item="eval_it.yaml::mine",
        benchmark=benchmark,
        samples=[Sample(id=str(n), input=f"q{n}", target="yes") for n in range(count)],
        shots=(),
        num_fewshot=0,
        parameters={"temperature": 0.0},
        gating=Gating(gates),
        repeats=repeats,
        concurrency=1,
        max_errors=max_errors,
        request_timeout=10.0,
        retries=0,
        data="made up",
        data_fingerprint="of-a-test",
    )


class Bench:
    """Runs Jobs on a fake endpoint, each into the same folder."""

    def __init__(self, folder: Path, pool: Pool) -> None:
        self.folder = folder
        self.pool = pool
        self.interceptors: list[Interceptor] = []
        self.tick: Callable[[Book], None] = lambda book: None

    def run(self, job: Job, answer: Callable[[str], Reply | str] = lambda _: "yes") -> BenchmarkResult:
        place = RunPlace(self.folder, MODEL, suite_commit="abc-dirty")
        with serving(answer) as fake:
            client = Client(
                Endpoint(fake.url, "fake-model"), self.interceptors, self.pool, RetryPolicy(retries=0), 10.0
            )
            try:
                return run_job(job, client, place, self.tick)
            finally:
                self.pool.close_connections()

    def read(self) -> Run:
        assert sorted(path.name for path in self.folder.iterdir()) == [
            "eval-mine.json",
            "journal.jsonl",
            "results.jsonl",
        ]
        return read_run(self.folder)


@pytest.fixture
def bench(tmp_path: Path, pool: Pool) -> Bench:
    return Bench(tmp_path / "runs" / "mine", pool)


def test_a_finished_run_is_on_disk_as_it_was_returned(bench: Bench) -> None:
    job = job_of(4)
    result = bench.run(job, lambda question: Reply("yes" if question < "q3" else "no"))
    found = bench.read()
    assert found.record == result.record
    assert list(found.results) == list(result.results)
    assert (found.record.status, found.record.error) == (RunStatus.FINISHED, "")
    assert (result.folder, result.benchmark, result.model, result.item) == (
        bench.folder,
        "mine",
        "fake-model",
        "eval_it.yaml::mine",
    )
    assert (result.accuracy, result.n) == (0.75, 4)


def test_the_record_says_what_was_asked_and_of_what(bench: Bench) -> None:
    job = job_of(2, repeats=2)
    record = bench.run(job).record
    assert (record.item, record.model, record.suite_commit) == ("eval_it.yaml::mine", MODEL, "abc-dirty")
    about = record.benchmark
    assert (about.name, about.variant, about.version, about.scorer) == ("mine", "", "1", "exact")
    assert (about.samples, about.repeats, about.num_fewshot, about.reference_fewshot) == (2, 2, 0, 0)
    assert (about.parameters, about.data) == ({"temperature": 0.0}, "made up")
    assert about.data_fingerprint == job.data_fingerprint
    assert about.prompt_fingerprint == job.prompt_fingerprint(Protocol.CHAT)
    assert "python" in record.environment


def test_the_record_holds_scores_and_counts(bench: Bench) -> None:
    answers: dict[str, Reply | str] = {
        "q0": "yes",
        "q1": Reply("no", finish_reason="length"),
        "q2": "",
        "q3": Reply(status=400),
    }
    result = bench.run(job_of(4, max_errors=1), answers.__getitem__)
    counts = result.record.counts
    assert (counts.scored, counts.errors, counts.extraction_failures, counts.truncated) == (3, 1, 1, 1)
    assert (counts.prompt_tokens, counts.completion_tokens) == (21, 9)
    accuracy = result.record.benchmark.scores["accuracy"]
    assert set(result.record.benchmark.scores) == set(result.metrics)
    measured = result.metrics["accuracy"]
    assert (accuracy.value, accuracy.n, accuracy.method) == (1 / 3, 3, "wilson")
    assert (accuracy.ci_lower, accuracy.ci_upper) == (measured.ci_lower, measured.ci_upper)


def test_gates_are_judged_and_recorded_and_raise_nothing(bench: Bench) -> None:
    gates = (Threshold("accuracy", min=0.9, tier=Tier.CRITICAL), Threshold("accuracy", max=0.6, tier=Tier.ADVISORY))
    result = bench.run(job_of(2, gates=gates), lambda question: "yes" if question == "q0" else "no")
    assert [gate.verdict for gate in result.gates] == [Verdict.FAIL, Verdict.PASS]
    first, second = bench.read().record.gates
    assert (first.condition, first.verdict, first.tier) == ("accuracy >= 0.9", "fail", "critical")
    assert first.explanation == "accuracy is 0.5000, not >= 0.9"
    assert (second.condition, second.verdict, second.tier) == ("accuracy <= 0.6", "pass", "advisory")
    assert second.explanation == "accuracy is 0.5000 <= 0.6"
    assert "the threshold 0.6 lies inside the 95% interval of accuracy" in second.warning


def test_fewer_worked_examples_than_the_reference_are_noted(bench: Bench) -> None:
    assert bench.run(job_of(1)).notes == ()
    bench.folder = bench.folder.with_name("other")
    result = bench.run(job_of(1, benchmark=replace(MINE, num_fewshot=5)))
    assert result.notes == ("0 worked examples before each question; the reference has 5",)
    assert bench.read().record.benchmark.reference_fewshot == 5


def test_a_run_that_goes_on_says_so_on_disk(bench: Bench) -> None:
    seen = []

    def answer(question: str) -> str:
        found = bench.read()
        seen.append((found.record.status, len(found.results)))
        return "yes"

    bench.run(job_of(2), answer)
    assert seen == [(RunStatus.RUNNING, 0), (RunStatus.RUNNING, 1)]


@pytest.mark.parametrize(
    ("status", "kind", "finished"), [(401, AccessError, 2), (500, EvaluationError, 3), (400, EvaluationError, 4)]
)
def test_an_error_leaves_what_was_finished_and_says_where(
    bench: Bench, status: int, kind: type[EvalError], finished: int
) -> None:
    with pytest.raises(kind) as caught:
        bench.run(job_of(4), lambda question: Reply(status=status) if question == "q2" else "yes")
    assert type(caught.value) is kind
    assert str(caught.value).endswith(f"\nfinished samples: {bench.folder}")
    found = bench.read()
    assert found.record.status is RunStatus.ERROR
    assert found.record.error == str(caught.value).rpartition("\nfinished samples")[0]
    assert [one.sample_id for one in found.results] == [str(n) for n in range(finished)]
    assert [one.sample_id for one in found.results if one.score is None] == ([] if status == 401 else ["2"])
    assert found.record.benchmark.scores == {}


@pytest.mark.parametrize("error", [ConfigError("no such metric"), ValueError("kaputt")])
def test_a_gate_that_breaks_leaves_all_samples(bench: Bench, error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        bench.run(job_of(3, gates=(Broken(error),)))
    found = bench.read()
    assert (found.record.status, found.record.error, found.record.gates) == (RunStatus.ERROR, str(error), ())
    assert [one.score is not None for one in found.results] == [True] * 3


def test_ctrl_c_leaves_what_was_finished(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third sample never answers; whoever shows progress is interrupted once two are done."""
    monkeypatch.setattr(execution, "TICK_SECONDS", 0.01)
    given_up = threading.Event()

    async def third_never_answers(request: Request, call_next: CallNext) -> Response:
        if request.sample_id == "2":
            try:
                with anyio.move_on_after(10):
                    await anyio.sleep_forever()
            finally:
                given_up.set()
        return await call_next(request)

    def interrupt(book: Book) -> None:
        if book.done == 2:
            raise KeyboardInterrupt

    bench.interceptors = [third_never_answers]
    bench.tick = interrupt
    with pytest.raises(KeyboardInterrupt):
        bench.run(job_of(5))
    assert given_up.is_set()
    found = bench.read()
    assert (found.record.status, found.record.error) == (RunStatus.INTERRUPTED, "KeyboardInterrupt")
    assert [one.sample_id for one in found.results] == ["0", "1"]
    assert all(one.score is not None for one in found.results)


def test_progress_is_shown_while_it_runs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "TICK_SECONDS", 0.01)
    shown = threading.Event()
    totals = set()

    async def last_waits_until_it_was_shown(request: Request, call_next: CallNext) -> Response:
        if request.sample_id == "2":
            await anyio.to_thread.run_sync(shown.wait, 10)
        return await call_next(request)

    def tick(book: Book) -> None:
        totals.add(book.total)
        if book.done == 2:
            shown.set()

    bench.interceptors = [last_waits_until_it_was_shown]
    bench.tick = tick
    assert bench.run(job_of(3)).n == 3
    assert totals == {3}


def test_a_folder_that_is_there_is_not_written_over(bench: Bench) -> None:
    bench.run(job_of(1))
    with pytest.raises(EvalError, match=r"the Run cannot be written to .*--eval-output names another folder"):
        bench.run(job_of(2))
    assert len(bench.read().results) == 1
