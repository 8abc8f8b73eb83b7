"""A benchmark that is being asked: it runs from the start, whether or not anybody waits for it yet."""

from __future__ import annotations

import contextlib
import threading
import time
from array import array
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..client import Client, Limiter
from ..errors import EvalError
from ..runs import ModelRecord, ResultFile, RunRecord, RunStatus, RunWriter
from ..runs.journal import JOURNAL, Answers
from ..runs.resume import run_name
from ..runs.server_metrics import Course
from ..runs.writer import RESULTS
from ..scores import Outcome
from .book import Book
from .comparing import prepare
from .engine import Engine
from .journaling import Journaling
from .plan import Job
from .recording import counts_of, first_record, identity_of
from .watching import Watcher

TICK_SECONDS = 1.0
CANCEL_SECONDS = 1.5


@dataclass(frozen=True)
class RunPlace:
    """Where a Run is written, and what is known before it starts.

    Attributes:
        earlier: Runs whose answers are taken over; ``output`` is the folder that they are named from.
        seconds: the time that asking may take; None for as long as it does.
    """

    folder: Path
    model: ModelRecord
    suite_commit: str = ""
    earlier: tuple[Path, ...] = ()
    output: Path = Path()
    seconds: float | None = None


class Execution:
    """One Job on one endpoint, and its Run.

    Whatever happens, the samples that were finished stand in the Run.

    Args:
        limiter: of the endpoint.
        wake: set whenever ``drained`` or the end is reached.

    Attributes:
        drained: nothing is left to be sent.
        generation: how often the deployment had been started again when this was started.

    Raises:
        ConfigError: a baseline that differs in what was not to be tolerated.
        StorageError: the Run cannot be written.
    """

    def __init__(self, job: Job, client: Client, place: RunPlace, limiter: Limiter, wake: threading.Event) -> None:
        self.job = job
        self.client = client
        self.place = place
        self.record = first_record(job, client, place.model, place.suite_commit)
        self.prepared = prepare(job, self.record)
        self.drained = False
        self._limiter = limiter
        self._wake = wake
        self._ended = threading.Event()
        self._seconds = 0.0
        self._deadline = None if place.seconds is None else time.monotonic() + place.seconds
        self.generation = 0
        with contextlib.ExitStack() as undo:  # the answers of a Run that was not started are another one's to take over
            self._answers = Answers(place.earlier)
            undo.callback(self._answers.close)
            self._writer = RunWriter(place.folder, self.record, len(job.samples) * job.repeats)
            undo.callback(self._writer.discard)
            self.book = Book(job, self._writer, shuffled=place.seconds is not None)
            identity = identity_of(place.model, job.benchmark, client.endpoint)
            self._journaling = Journaling(self._writer.journal, self._answers, identity, client.endpoint.model_id)
            self._watcher = self._watch()
            self._future = self._start()
            undo.pop_all()

    def start_again(self, client: Client) -> None:
        """Go on with another client of the same model, once it has ended in an error."""
        self.client = client
        self.drained = False
        self._ended.clear()
        self.book.reopen()
        self._watcher = self._watch()
        self._future = self._start()

    def _start(self) -> Future[bool]:
        engine = Engine(self.book, self.client, self._journaling, self._limiter, self._note_drained)
        future = self.client.pool.start(lambda: self._run(engine))
        future.add_done_callback(lambda _: self._wake.set())
        return future

    def _watch(self) -> Watcher:
        return Watcher(self.client.endpoint, self.client.pool, self.place.folder, lambda: self._journaling.seconds)

    async def _run(self, engine: Engine) -> bool:
        try:
            try:
                finished = await engine.run(self._seconds_left(), self._watcher.run)
            finally:
                self._seconds = self._journaling.seconds
            await self._watcher.end()
            return finished
        finally:
            self._ended.set()

    def _seconds_left(self) -> float | None:
        """A deployment that is started again gives no more time."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _note_drained(self) -> None:
        self.drained = True
        self._wake.set()

    def wait(self, tick: Callable[[Book], None]) -> bool:
        """Wait until it has ended.

        Args:
            tick: called at least once a second, in this thread; what it raises ends the asking.

        Returns:
            Whether all samples are finished; False where the time was over.

        Raises:
            EvalError: see ``Engine.run``.
        """
        try:
            while not self._future.done():
                self._wake.wait(TICK_SECONDS)
                self._wake.clear()
                tick(self.book)
            return self._future.result()
        except BaseException:
            self._stop()
            raise

    def _stop(self) -> None:
        if not self._ended.is_set():
            self._future.cancel()
            self._ended.wait(CANCEL_SECONDS)  # the Run is closed next: nobody is to write to it then

    @property
    def resumed(self) -> int:
        """How many answers were taken over from earlier Runs."""
        return self._answers.taken

    @property
    def seconds(self) -> float:
        """How long the asking took, with what earlier Runs took whose answers it has."""
        return self._seconds or self._journaling.seconds

    def outcomes(self, finished: bool) -> tuple[list[Outcome], ResultFile]:
        """What metrics look at, and the same samples with their texts: all, or the finished beginning."""
        places = range(self.book.total) if finished else self.book.prefix()
        outcomes = [outcome for place in places if (outcome := self.book.outcomes[place]) is not None]
        offsets = array("q", (self._writer.offsets[place] for place in places))
        return outcomes, ResultFile(self.place.folder / RESULTS, offsets)

    def server_metrics(self) -> dict[str, Course]:
        """How the server's own metrics went, by name."""
        return self._watcher.summary()

    def save(self, record: RunRecord) -> None:
        """Write the record of a Run that was judged.

        Raises:
            StorageError: it cannot be written.
        """
        names = tuple(run_name(folder, self.place.output) for folder in self._answers.used)
        self.record = msgspec.structs.replace(record, resumed=names, resumed_answers=self._answers.taken)
        self._writer.sync()
        self._writer.write_record(self.record)

    def fail(self, error: BaseException) -> None:
        """Stop, and note why it could not be finished; raises nothing of its own."""
        self._stop()
        record = msgspec.structs.replace(
            self.record,
            status=RunStatus.ERROR if isinstance(error, Exception) else RunStatus.INTERRUPTED,
            error=str(error) or type(error).__name__,
            seconds=round(self.seconds, 3),
            counts=counts_of([outcome for outcome in self.book.outcomes if outcome is not None]),
        )
        with contextlib.suppress(EvalError):
            self.save(record)

    def close(self) -> None:
        """Stop asking, and close the Run's files. Idempotent."""
        self._stop()
        self._answers.close()
        self._writer.close()

    def cancel(self) -> None:
        """Tell it to stop, without waiting until it has."""
        if not self._ended.is_set():
            self._future.cancel()

    def abandon(self, why: str) -> None:
        """Stop and close a Run that nobody waits for: its answers stay, for another one to take over."""
        if self.book.done or (self.place.folder / JOURNAL).stat().st_size:
            self.fail(KeyboardInterrupt(why))
            self.close()
        else:
            self.close()
            self._writer.discard()
