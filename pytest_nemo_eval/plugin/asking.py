"""From a Job to its Execution, and the main thread's share in one: progress, restarts, what is sent ahead."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from ..client import Client, RetryBudget, RetryPolicy
from ..errors import DeploymentError, EndpointError, EvalError, EvaluationError
from ..evaluation import Book, Execution, Job, RunPlace
from ..evaluation.recording import model_identity
from ..interceptors import identify_all
from ..runs.provenance import commit_of
from ..runs.resume import earlier_runs
from .serving import diagnose, model_record
from .state import EvalSession, restarts_of

PROGRESS_SECONDS = 15.0
DEATH_SECONDS = 1.0
DYING_SECONDS = 3.0
DYING_POLL_SECONDS = 0.05
FEWEST_RETRIES = 100


def begin(session: EvalSession, job: Job, client: Client, folder: Path, path: Path) -> Execution:
    """Start to ask.

    Args:
        folder: of the Run.
        path: the suite or test file.

    Raises:
        EvalError: the Run cannot be written, or a baseline does not fit.
    """
    settings, output = session.settings, session.folder.parent
    limiter = session.limiter(client.endpoint)
    budget = RetryBudget(max(FEWEST_RETRIES, 2 * len(job.samples) * job.repeats))
    policy = RetryPolicy(retries=job.retries, budget=budget)
    name = folder.relative_to(session.folder).as_posix()
    model = model_record(client.endpoint, session)
    identify_all(client.interceptors, model_identity(model, client.endpoint))
    place = RunPlace(
        folder=folder,
        model=model,
        suite_commit=commit_of(path.parent),
        earlier=tuple(earlier_runs(output, name, job.item, finished=settings.reuse)),
        output=output,
        seconds=session.seconds_left(job.deadline),
    )
    client = client.with_limits(policy, job.request_timeout, limiter)
    execution = Execution(job, client, place, limiter, session.wake)
    execution.generation = restarts_of(session, client.endpoint)
    return execution


class Waiter:
    """Waits in the main thread until an Execution has ended."""

    def __init__(self, session: EvalSession, item: pytest.Item) -> None:
        self._session = session
        self._item = item
        self._began = self._shown = self._looked = time.monotonic()
        self._done = -1
        self._told = False
        self._execution: Execution | None = None

    def wait(self, execution: Execution) -> bool:
        """Whether all samples are finished; see ``Execution.wait``.

        A deployment that dies is started again as often as ``--deploy-restarts`` allows.

        Raises:
            EvalError: it could not be finished.
        """
        self._execution = execution
        while True:
            try:
                return execution.wait(self._tick)
            except (EndpointError, EvaluationError) as error:
                self._revive(execution, error)

    def _revive(self, execution: Execution, error: EvalError) -> None:
        client = execution.client
        served = self._session.served.get(client.endpoint.base_url)
        if served is None or served.spec is None:
            raise error
        death = diagnose(client.endpoint, self._session)
        try:
            address = self._session.lender.acquire(served.spec)
            if address.restarts <= execution.generation and execution.book.gone:
                death = self._await_death(client)
                address = self._session.lender.acquire(served.spec)
        except DeploymentError as again:
            words = dict.fromkeys([str(error), *([death] if death else []), str(again)])
            raise error.with_words("\n".join(words)) from None
        if address.restarts <= execution.generation:
            raise error
        execution.generation = address.restarts
        self._session.served[address.base_url] = replace(served, address=address)
        self._session.announcer.line(f"{execution.job.item}: goes on with the deployment that was started again")
        execution.record = msgspec.structs.replace(execution.record, restarts=execution.record.restarts + 1)
        execution.start_again(client.at(replace(client.endpoint, base_url=address.base_url)))

    def _await_death(self, client: Client) -> str | None:
        """A server's connections end before its process is seen to have."""
        deadline = time.monotonic() + DYING_SECONDS
        while (death := diagnose(client.endpoint, self._session)) is None and time.monotonic() < deadline:
            time.sleep(DYING_POLL_SECONDS)
        return death

    def _tick(self, book: Book) -> None:
        now = time.monotonic()
        if self._session.orphaned:
            raise KeyboardInterrupt("the controller of pytest-xdist is gone, or ending")
        if self._execution is not None and self._session.ahead is not None:
            self._session.ahead.look(self._item, self._execution)
        if self._execution is not None and self._execution.resumed and not self._told:
            self._told = True
            self._session.announcer.line(f"{book.job.item}: goes on with answers of an earlier Run")
        if now - self._looked >= DEATH_SECONDS:
            stuck, self._done, self._looked = book.done == self._done, book.done, now
            if stuck and self._execution is not None:
                self._stop_if_dead(self._execution)
        if now - self._shown >= PROGRESS_SECONDS:
            self._shown = now
            self._show(book, now - self._began)

    def _stop_if_dead(self, execution: Execution) -> None:
        death = diagnose(execution.client.endpoint, self._session)
        if death is not None:
            raise EvaluationError(
                f"{execution.job.benchmark.full_name}: {death.partition(':')[0]} after {execution.book.done} of "
                f"{execution.book.total} samples"
            )

    def _show(self, book: Book, seconds: float) -> None:
        scored = book.done - book.errors
        mean = f", mean score {book.score_sum / scored:.3f}" if scored else ""
        errors = f", {book.errors} errors" if book.errors else ""
        text = f"{book.job.item}: {book.done} of {book.total} after {seconds:.0f} s{mean}{errors}"
        self._session.announcer.line(text)
