"""Runs a Job and leaves a Run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from ..client import Client
from ..datasets import fingerprint
from ..errors import EvalError
from ..gates import GateResult
from ..metrics import Measurements, MetricValue
from ..runs import GateRecord, MetricRecord, ModelRecord, RunRecord, RunStatus, RunWriter
from ..runs.provenance import environment
from ..runs.record import BenchmarkRecord, CountRecord
from ..scores import SampleResult
from .engine import Progress, evaluate
from .plan import Job
from .result import BenchmarkResult

TICK_SECONDS = 1.0
CANCEL_SECONDS = 5.0


@dataclass(frozen=True)
class RunPlace:
    """Where a Run is written, and what is known before it starts."""

    folder: Path
    model: ModelRecord
    suite_commit: str = ""


def run_job(job: Job, client: Client, place: RunPlace, tick: Callable[[Progress], None]) -> BenchmarkResult:
    """Run a benchmark from a thread that is not the client's loop.

    Whatever happens, the samples that were finished stand in the Run.

    Args:
        tick: called about once a second, in this thread.

    Raises:
        EvalError: the benchmark could not be finished; the message names the Run.
    """
    record = _first_record(job, client, place)
    writer = RunWriter(place.folder, record)
    progress = Progress(total=len(job.samples) * job.repeats)
    start = time.perf_counter()
    try:
        results = _wait(job, client, writer, progress, tick)
        seconds = time.perf_counter() - start
        metrics = Measurements(results, seconds).table()
        gates = tuple(gate.judge(metrics) for gate in job.gates)
        record = _finished(record, job, results, metrics, gates, seconds)
        writer.write_record(record)
    except Exception as error:
        seconds = round(time.perf_counter() - start, 3)
        failed = msgspec.structs.replace(record, status=RunStatus.ERROR, error=str(error), seconds=seconds)
        writer.write_record(failed)
        if isinstance(error, EvalError):
            raise error.with_words(f"{error}\nfinished samples: {place.folder}") from None
        raise
    finally:
        writer.close()
    return BenchmarkResult(
        item=job.item,
        benchmark=job.benchmark.full_name,
        model=client.endpoint.model_id,
        metrics=metrics,
        results=results,
        folder=place.folder,
        record=record,
        gates=gates,
        notes=_notes(job),
    )


def _wait(
    job: Job, client: Client, writer: RunWriter, progress: Progress, tick: Callable[[Progress], None]
) -> list[SampleResult]:
    ended = threading.Event()

    async def work() -> list[SampleResult]:
        try:
            return await evaluate(job, client, writer.append, progress)
        finally:
            ended.set()

    future = client.pool.start(work)
    try:
        while not (ended.wait(TICK_SECONDS) or future.done()):
            tick(progress)
        return future.result()
    except BaseException:
        future.cancel()
        ended.wait(CANCEL_SECONDS)  # the Run is closed next: nobody is to write to it then
        raise


def _first_record(job: Job, client: Client, place: RunPlace) -> RunRecord:
    return RunRecord(
        status=RunStatus.RUNNING,
        item=job.item,
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        benchmark=BenchmarkRecord(
            name=job.benchmark.name,
            variant=job.benchmark.variant,
            version=job.benchmark.version,
            samples=len(job.samples),
            repeats=job.repeats,
            num_fewshot=job.num_fewshot,
            reference_fewshot=job.benchmark.num_fewshot,
            scorer=job.benchmark.scorer.name,
            parameters=job.parameters,
            data=job.data,
            data_fingerprint=fingerprint(job.samples),
            prompt_fingerprint=job.prompt_fingerprint(client.endpoint.protocol),
        ),
        model=place.model,
        environment=environment(),
        suite_commit=place.suite_commit,
    )


def _finished(
    record: RunRecord,
    job: Job,
    results: Sequence[SampleResult],
    metrics: dict[str, MetricValue],
    gates: tuple[GateResult, ...],
    seconds: float,
) -> RunRecord:
    scores = {
        name: MetricRecord(value=m.value, ci_lower=m.ci_lower, ci_upper=m.ci_upper, n=m.n, method=m.method)
        for name, m in metrics.items()
    }
    counts = CountRecord(
        scored=sum(result.score is not None for result in results),
        errors=sum(result.score is None for result in results),
        extraction_failures=sum(result.score is not None and result.score.answer is None for result in results),
        truncated=sum(result.truncated for result in results),
        prompt_tokens=sum(result.usage.prompt_tokens for result in results),
        completion_tokens=sum(result.usage.completion_tokens for result in results),
    )
    verdicts = tuple(
        GateRecord(condition=g.condition, verdict=g.verdict.value, tier=g.tier.value, explanation=g.explanation)
        for g in gates
    )
    benchmark = msgspec.structs.replace(record.benchmark, scores=scores)
    return msgspec.structs.replace(
        record,
        status=RunStatus.FINISHED,
        seconds=round(seconds, 3),
        benchmark=benchmark,
        counts=counts,
        gates=verdicts,
    )


def _notes(job: Job) -> tuple[str, ...]:
    reference = job.benchmark.num_fewshot
    if job.num_fewshot != reference:
        return (f"{job.num_fewshot} worked examples before each question; the reference has {reference}",)
    return ()
