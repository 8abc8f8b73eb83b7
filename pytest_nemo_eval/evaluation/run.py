"""Runs a Job and leaves a Run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..client import Client
from ..errors import EvalError
from ..gates import find_faults
from ..metrics import Measurements, rerun_noise
from ..runs import ModelRecord, RerunRecord, RunStatus, RunWriter, results_in_order
from ..runs.writer import RESULTS, write_flips, write_record
from ..scores import Outcome, SampleResult
from .comparing import compared, prepare
from .engine import Progress, evaluate
from .plan import Job
from .recording import finished_record, first_record
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
    record = first_record(job, client, place.model, place.suite_commit)
    prepared = prepare(job, record)
    writer = RunWriter(place.folder, record)
    progress = Progress(total=len(job.samples) * job.repeats)
    start = time.perf_counter()
    try:
        outcomes = [Outcome.of(result) for result in _wait(job, client, writer, progress, tick)]
        measured = Measurements(outcomes, time.perf_counter() - start, job.interval)
        results = results_in_order(place.folder / RESULTS, ((one.sample_id, one.repeat) for one in outcomes))
        gates = tuple(gate.judge(measured) for gate in prepared.gates)
        beside = compared(prepared, gates, measured, results)
        faults = find_faults(measured, place.model, job.gating.validity)
        record = msgspec.structs.replace(
            finished_record(record, measured, gates), comparisons=beside.records, faults=tuple(faults)
        )
        if beside.records:
            write_flips(place.folder, beside.flips)
        writer.write_record(record)
    except BaseException as error:
        writer.write_record(
            msgspec.structs.replace(
                record,
                status=RunStatus.ERROR if isinstance(error, Exception) else RunStatus.INTERRUPTED,
                error=str(error) or type(error).__name__,
                seconds=round(time.perf_counter() - start, 3),
            )
        )
        if isinstance(error, EvalError):
            raise error.with_words(f"{error}\nfinished samples: {place.folder}") from None
        raise
    finally:
        writer.close()
    return BenchmarkResult(
        item=job.item,
        benchmark=job.benchmark.full_name,
        model=client.endpoint.model_id,
        measured=measured,
        results=results,
        folder=place.folder,
        record=record,
        gates=gates,
        notes=(*_notes(job), *prepared.notes),
        flips=beside.flips,
        rules=job.rules,
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


def _notes(job: Job) -> tuple[str, ...]:
    reference = job.benchmark.num_fewshot
    if job.num_fewshot != reference:
        return (f"{job.num_fewshot} worked examples before each question; the reference has {reference}",)
    return ()


def note_rerun(result: BenchmarkResult, second: BenchmarkResult) -> None:
    """Write how far a second run of the same benchmark is from the first to the first one's Run."""
    noise = rerun_noise(result.measured.question_values("accuracy"), second.measured.question_values("accuracy"))
    rerun = RerunRecord(questions=noise.questions, flips=noise.flips, shift=noise.shift, sd=noise.sd)
    result.record = msgspec.structs.replace(result.record, rerun=rerun)
    result.notes = (
        *result.notes,
        f"a second run changed {rerun.flips} of {rerun.questions} questions and the score by {rerun.shift:+.4f}",
    )
    write_record(result.folder, result.record)
