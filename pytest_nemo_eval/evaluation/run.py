"""From an Execution to a judged Run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec

from ..config.options import REPLAY
from ..endpoint import REPLAY_SCHEME
from ..errors import EvalError, EvaluationError
from ..gates import GateResult, Verdict, find_faults
from ..metrics import Measurements, rerun_noise
from ..runs import RerunRecord, RunStatus
from ..runs.writer import write_flips, write_record
from .book import Book
from .comparing import compared
from .execution import Execution
from .plan import Job
from .recording import finished_record, reports_of
from .result import BenchmarkResult


def finish(execution: Execution, wait: Callable[[Execution], bool]) -> BenchmarkResult:
    """Wait for an Execution, judge it, and leave its Run, whatever happens.

    Args:
        wait: waits until it has ended, as ``Execution.wait`` does.

    Raises:
        EvalError: the benchmark could not be finished; the message names the Run.
    """
    try:
        return _judged(execution, wait(execution))
    except BaseException as error:
        execution.fail(error)
        if isinstance(error, EvalError):
            raise error.with_words(f"{error}\nfinished samples: {execution.place.folder}") from None
        raise
    finally:
        execution.close()


def _judged(execution: Execution, complete: bool) -> BenchmarkResult:
    job, place, prepared = execution.job, execution.place, execution.prepared
    outcomes, results = execution.outcomes(complete)
    if not any(outcome.value is not None for outcome in outcomes):
        raise EvaluationError(
            f"{job.benchmark.full_name}: the deadline was over before the first samples were finished"
            if not complete
            else execution.book.errors_in_words()
        )
    replayed = place.model.backend == REPLAY  # at the speed of a disk, which says nothing
    measured = Measurements(outcomes, 0.0 if replayed else execution.seconds, job.interval)
    gates = tuple(gate.judge(measured) for gate in prepared.gates)
    if not complete:
        gates = tuple(_undecided(gate, execution.book, len(outcomes)) for gate in gates)
    beside = compared(prepared, gates, measured, results)
    faults = find_faults(measured, place.model, job.gating.validity)
    record = msgspec.structs.replace(
        finished_record(execution.record, measured, gates),
        status=RunStatus.FINISHED if complete else RunStatus.PARTIAL,
        comparisons=beside.records,
        faults=tuple(faults),
        server_metrics=execution.server_metrics(),
        interceptor_reports=dict(reports_of(execution.client.interceptors)),
    )
    if beside.records:
        write_flips(place.folder, beside.flips)
    execution.save(record)
    return BenchmarkResult(
        item=job.item,
        benchmark=job.benchmark.full_name,
        model=execution.client.endpoint.model_id,
        measured=measured,
        results=results,
        folder=place.folder,
        record=execution.record,
        gates=gates,
        notes=(*_notes(job), *_history(execution, len(outcomes)), *prepared.notes),
        flips=beside.flips,
        rules=job.rules,
    )


def _undecided(gate: GateResult, book: Book, count: int) -> GateResult:
    """What a part of the samples says is no verdict on all of them."""
    words = f"the deadline was over after {count} of {book.total} samples, of which: {gate.explanation}"
    return replace(gate, verdict=Verdict.INCONCLUSIVE, explanation=words, p_fail=None)


def _notes(job: Job) -> tuple[str, ...]:
    reference = job.benchmark.num_fewshot
    if job.num_fewshot != reference:
        return (f"{job.num_fewshot} worked examples before each question; the reference has {reference}",)
    return ()


def _history(execution: Execution, count: int) -> list[str]:
    """What did not go straight on."""
    record, book, notes = execution.record, execution.book, []
    if record.status is RunStatus.PARTIAL:
        late = book.done - count
        notes.append(
            f"partial: the deadline was over after {book.done} of {book.total} samples; measured are the first {count} "
            f"in the order of asking" + (f" ({late} that overtook others are left out)" if late else "")
        )
    if record.model.backend == REPLAY:
        notes.append(f"replayed from {record.model.url.removeprefix(REPLAY_SCHEME)}: no model was asked")
    if record.resumed_answers:
        notes.append(f"{record.resumed_answers} answers are of earlier Runs: {', '.join(record.resumed)}")
    if record.restarts:
        times = f"{record.restarts} times" if record.restarts > 1 else "once"
        notes.append(f"the deployment died and was started again {times}")
    return notes


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
