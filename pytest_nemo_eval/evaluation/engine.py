"""Asks the samples of a Job and scores the answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import TaskGroup

from ..client import Client, Limiter
from ..errors import AccessError, EvalError, EvaluationError, RejectedRequestError, StorageError
from ..samples import Sample
from ..scorers.isolated import IsolatedScorer
from ..scores import SampleResult, Score
from .book import REFUSED, UNSCORED, Asked, Book
from .journaling import Journaling
from .plan import Job

SYNC_SECONDS = 0.5
FIRST = 8
"""So many refusals in a row at the start are no matter of single samples."""


class Engine:
    """Asks whatever is unfinished in a Book.

    Args:
        client: with the run's limits.
        limiter: how many samples may be in progress at the endpoint; other Jobs share it.
        drained: called once nothing is left to be sent: the last answers are on their way.
    """

    def __init__(
        self,
        book: Book,
        client: Client,
        journaling: Journaling,
        limiter: Limiter,
        drained: Callable[[], None] = lambda: None,
    ) -> None:
        self._book = book
        self._job: Job = book.job
        self._protocol = client.endpoint.protocol
        self._client = client.behind(journaling)
        self._limiter = limiter
        self._drained = drained
        self._own: Limiter | None = None
        self._isolated: IsolatedScorer | None = None
        self._fatal: Exception | None = None
        self._pending: Iterator[Asked] = iter(())
        self._is_drained = False

    async def run(self, seconds: float | None, beside: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Ask until all is finished, or for so many ``seconds``.

        Args:
            beside: runs meanwhile.

        Returns:
            Whether all is finished.

        Raises:
            AccessError: the endpoint refuses every request.
            EvaluationError: more samples ended in an error than the Job allows. An endpoint that is gone ends the run
                at once; samples that the endpoint or the scorer refuse do not keep the others from being asked, unless
                the endpoint refuses all of the first eight.
            StorageError: answers cannot be written down.
        """
        job = self._job
        self._own = Limiter(job.concurrency, adaptive=False) if job.concurrency else None
        self._isolated = IsolatedScorer(job.benchmark.scorer.name, job.scorer_timeout) if job.scorer_timeout else None
        async with anyio.create_task_group() as background:
            background.start_soon(self._sync_often)
            background.start_soon(beside)
            try:
                with anyio.move_on_after(seconds):
                    await self._ask_all()
            finally:
                background.cancel_scope.cancel()
                if self._isolated is not None:
                    with anyio.CancelScope(shield=True):
                        await self._isolated.aclose()
        if self._fatal is not None:
            raise self._fatal
        book = self._book
        finished = book.done == book.total
        if book.errors > self._job.max_errors or (finished and book.errors == book.total):
            raise EvaluationError(book.errors_in_words())
        return finished

    async def _ask_all(self) -> None:
        self._pending = self._book.unfinished()
        async with anyio.create_task_group() as group:
            while not self._is_drained:
                if self._own is not None:
                    await self._own.acquire()
                await self._limiter.acquire()
                group.start_soon(self._ask_some, group)

    async def _ask_some(self, group: TaskGroup) -> None:
        """One sample after the other, as long as the limit leaves this place: a task for each would cost more."""
        try:
            while (asked := self._next()) is not None:
                place, sample, repeat = asked
                try:
                    result = await self._ask(sample, repeat)
                finally:  # cancelled too: who goes on with it begins anew
                    self._forget(sample.id, repeat)
                self._book.note(result, place)
                self._stop_if_hopeless()
                if not self._limiter.keep():
                    break
        except Exception as error:  # raised by run: a task group would wrap it
            self._fatal = self._fatal or error
            group.cancel_scope.cancel()
        finally:
            self._limiter.release()
            if self._own is not None:
                self._own.release()

    def _forget(self, sample_id: str, repeat: int) -> None:
        """Tell those that keep something of a sample that it is over; it may be asked again by another Run."""
        for interceptor in self._client.interceptors:
            forget = getattr(interceptor, "forget", None)
            if callable(forget):
                forget(sample_id, repeat)

    def _next(self) -> Asked | None:
        asked = next(self._pending, None)
        if asked is None and not self._is_drained:
            self._is_drained = True
            self._drained()
        return asked

    def _stop_if_hopeless(self) -> None:
        """Samples that found no endpoint will not be alone, and where the first are all refused, so will the others."""
        book = self._book
        if book.gone > self._job.max_errors or (book.done == FIRST < book.total and book.all_refused()):
            raise EvaluationError(book.errors_in_words())

    async def _ask(self, sample: Sample, repeat: int) -> SampleResult:
        """One sample, asked and scored; whatever breaks is the sample's error, but for an endpoint that refuses all."""
        request = self._job.request(sample, repeat, self._protocol)
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
            response = await self._client.send(request)
        except (AccessError, StorageError):
            raise
        except RejectedRequestError as error:
            return msgspec.structs.replace(result, error=f"{REFUSED}{error}")
        except EvalError as error:
            return msgspec.structs.replace(result, error=str(error))
        result = msgspec.structs.replace(
            result,
            reply=response.text,
            finish_reason=response.finish_reason,
            usage=response.usage,
            seconds=round(response.seconds, 4),
            first_token_seconds=round(response.first_token_seconds, 4),
        )
        try:
            return msgspec.structs.replace(result, score=await self._score(sample, response.text))
        except Exception as error:  # a scorer may be the user's code
            words = f"{UNSCORED}the scorer {self._job.benchmark.scorer.name} could not rule: {error!r}"
            return msgspec.structs.replace(result, error=words)

    async def _score(self, sample: Sample, reply: str) -> Score:
        if self._isolated is not None:
            return await self._isolated.score(sample, reply)
        return self._job.benchmark.scorer(sample, reply)

    async def _sync_often(self) -> None:
        while True:
            await anyio.sleep(SYNC_SECONDS)
            with contextlib.suppress(StorageError):  # said by the next write
                await anyio.to_thread.run_sync(self._book.writer.sync)
