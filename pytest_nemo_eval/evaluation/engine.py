"""Asks the samples of a Job and scores the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import anyio
import msgspec

from ..chat import Response
from ..client import Client
from ..errors import AccessError, EvalError, EvaluationError, RejectedRequestError
from ..samples import Sample
from ..scores import SampleResult
from .plan import Job

REFUSED = "refused: "
UNSCORED = "unscored: "
"""How the errors begin that say nothing about the endpoint's health."""


@dataclass
class Progress:
    """How far a Job is; read by whoever shows it while the engine writes it."""

    total: int
    done: int = 0
    errors: int = 0
    score_sum: float = 0.0


@dataclass
class _State:
    """What the workers of one evaluation share."""

    pending: Iterator[tuple[Sample, int]]
    progress: Progress
    results: dict[tuple[str, int], SampleResult] = field(default_factory=dict)
    fatal: Exception | None = None
    gone: int = 0


async def evaluate(
    job: Job, client: Client, journal: Callable[[SampleResult], None], progress: Progress
) -> list[SampleResult]:
    """Ask every sample, at most ``job.concurrency`` at a time, and score the answers.

    Args:
        journal: gets every finished sample, scored or errored, as soon as it is finished.
        progress: kept up to date.

    Returns:
        The results in the order of samples and repeats.

    Raises:
        AccessError: the endpoint refuses every request.
        EvaluationError: more samples ended in an error than the Job allows. An endpoint that is gone ends the run at
            once; samples that the endpoint or the scorer refuse do not keep the others from being asked.
    """
    pending = ((sample, repeat) for repeat in range(job.repeats) for sample in job.samples)
    state = _State(pending, progress)
    async with anyio.create_task_group() as group:

        async def work() -> None:
            try:
                for sample, repeat in state.pending:
                    _note(await _ask(job, client, sample, repeat), state, journal)
                    _stop_if_gone(job, state)
            except Exception as error:  # raised below: a task group would wrap it
                state.fatal = state.fatal or error
                group.cancel_scope.cancel()

        for _ in range(min(job.concurrency, progress.total)):
            group.start_soon(work)
    if state.fatal is not None:
        raise state.fatal
    unfinished = progress.total - progress.done
    if progress.errors > job.max_errors or progress.errors == progress.total or unfinished:
        raise EvaluationError(_errors_in_words(job, state))
    return [state.results[sample.id, repeat] for sample in job.samples for repeat in range(job.repeats)]


async def _ask(job: Job, client: Client, sample: Sample, repeat: int) -> SampleResult:
    """One sample, asked and scored; whatever breaks is the sample's error, but for an endpoint that refuses all."""
    request = job.request(sample, repeat, client.endpoint.protocol)
    result = SampleResult(
        sample_id=sample.id,
        repeat=repeat,
        input=sample.input,
        target=sample.target,
        category=sample.category,
        cluster=sample.cluster,
        prompt=request.text_digest,
    )
    try:
        response = await client.send(request)
        if not isinstance(response, Response):
            raise EvalError(f"an interceptor returned {response!r} instead of a Response")
    except AccessError:
        raise
    except RejectedRequestError as error:
        return msgspec.structs.replace(result, error=f"{REFUSED}{error}")
    except Exception as error:  # an interceptor is the user's code
        words = str(error) if isinstance(error, EvalError) else f"an interceptor raised {error!r}"
        return msgspec.structs.replace(result, error=words)
    result = msgspec.structs.replace(
        result,
        reply=response.text,
        finish_reason=response.finish_reason,
        usage=response.usage,
        seconds=round(response.seconds, 4),
    )
    try:
        return msgspec.structs.replace(result, score=job.benchmark.scorer(sample, response.text))
    except Exception as error:  # a scorer may be the user's code
        words = f"{UNSCORED}the scorer {job.benchmark.scorer.name} could not rule: {error!r}"
        return msgspec.structs.replace(result, error=words)


def _note(result: SampleResult, state: _State, journal: Callable[[SampleResult], None]) -> None:
    journal(result)
    state.results[result.sample_id, result.repeat] = result
    state.progress.done += 1
    if result.score is None:
        state.progress.errors += 1
        state.gone += not (result.error or "").startswith((REFUSED, UNSCORED))
    else:
        state.progress.score_sum += result.score.value


def _stop_if_gone(job: Job, state: _State) -> None:
    """Samples that found no endpoint will not be alone: more of them than allowed end the run."""
    if state.gone > job.max_errors:
        raise EvaluationError(_errors_in_words(job, state))


def _errors_in_words(job: Job, state: _State) -> str:
    errors = [result for result in state.results.values() if result.error is not None]
    first = "; ".join(f"{result.sample_id}: {result.error}" for result in errors[:3])
    return (
        f"{job.benchmark.full_name}: {len(errors)} of {state.progress.total} samples ended in an error, and "
        f"{job.max_errors} may (max_errors); {state.progress.done - len(errors)} are scored. First: {first or 'none'}"
    )
