"""Scorers that run in processes of their own, which can be killed."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from ..errors import ConfigError, ScorerError
from ..samples import Sample
from ..scores import Score
from .child import Answer, Question, Setup, to_line

CHILDREN = 2
START_SECONDS = 120.0
"""How long the scorer's module may take to be imported."""
END_SECONDS = 10.0
"""How long a child may take to go."""
LONGEST_ANSWER = 50_000_000
"""Bytes of a score, with its answer and explanation."""
_CLOSED = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


class IsolatedScorer:
    """Runs the scorer ``MODULE:FUNCTION`` in at most two processes, started when there is something to score.

    A process takes one reply after the other. One that takes too long is killed, with all that it started in its
    process group, and another one is started for the next reply. It imports from where this process does, and what it
    prints goes to standard error. None of them outlives ``aclose``, or this process, however that ends.

    To be used on one event loop.

    Args:
        seconds: how long one reply may take.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self.name = name
        self.seconds = seconds
        self._slots = anyio.Semaphore(CHILDREN)
        self._all: set[_Child] = set()
        self._idle: list[_Child] = []
        self._closed = False

    async def score(self, sample: Sample, reply: str) -> Score:
        """What the scorer says of a reply.

        Raises:
            ScorerError: it raised or gave no score, took too long, or its process ended.
            ConfigError: it cannot be imported.
        """
        async with self._slots:
            child = await self._take()
            answer = None
            try:
                with anyio.move_on_after(self.seconds):
                    answer = await child.ask(Question(sample, reply))
            finally:
                if answer is None or answer.ended is not None or self._closed:
                    await self._end(child, at_once=True)
                else:
                    self._idle.append(child)
        if answer is None:
            took = f"took longer than {self.seconds:g} s on sample {sample.id}"
            raise ScorerError(f"the scorer {self.name} {took} and was killed")
        if answer.ended is not None:
            raise ScorerError(f"the process of the scorer {self.name} {_end_of(answer)} on sample {sample.id}")
        if answer.score is None:
            raise ScorerError(answer.error)
        return answer.score

    async def aclose(self) -> None:
        """End every process; a call that waits for one gets a ScorerError. Idempotent."""
        self._closed = True
        async with anyio.create_task_group() as group:
            for child in list(self._all):
                group.start_soon(self._end, child, child not in self._idle)

    async def _take(self) -> _Child:
        """A child that has imported the scorer."""
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            await self._end(child, at_once=True)
        if self._closed:
            raise ScorerError(f"the scorer {self.name} is closed")
        child = await _Child.start(self.name)
        self._all.add(child)
        ready = None
        try:
            with anyio.move_on_after(START_SECONDS):
                ready = await child.ask(Setup(sys.path))
        finally:
            if ready != Answer():
                await self._end(child, at_once=True)
        if ready is None:
            raise ConfigError(f"the scorer {self.name} took longer than {START_SECONDS:g} s to be imported")
        if ready.ended is not None:
            raise ConfigError(f"the process of the scorer {self.name} {_end_of(ready)} while it was imported")
        if ready.error:
            raise ConfigError(ready.error)
        return child

    async def _end(self, child: _Child, at_once: bool) -> None:
        self._all.discard(child)
        await child.end(at_once)


class _Child:
    """A process that answers one question after the other."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None  # noqa: S101  # mypy does not know
        assert process.stdout is not None  # noqa: S101
        self._process = process
        self._questions = process.stdin
        self._answers = BufferedByteReceiveStream(process.stdout)
        self._reading = anyio.Lock()

    @classmethod
    async def start(cls, name: str) -> _Child:
        command = [sys.executable, "-m", f"{__package__}.child", name]
        return cls(
            await anyio.open_process(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, start_new_session=True
            )
        )

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, question: Setup | Question) -> Answer:
        """The answer, also that the process has ended.

        Raises:
            ScorerError: the answer is too long.
        """
        with contextlib.suppress(OSError, *_CLOSED):
            await self._questions.send(to_line(question))  # where that fails, it may have said why
        try:
            async with self._reading:
                line = await self._answers.receive_until(b"\n", LONGEST_ANSWER)
        except anyio.DelimiterNotFound:
            raise ScorerError(f"a scorer gave more than {LONGEST_ANSWER} bytes of answer and explanation") from None
        except (anyio.IncompleteRead, *_CLOSED):
            return Answer(ended=-signal.SIGKILL)
        return msgspec.convert(json.loads(line), Answer)

    async def end(self, at_once: bool) -> None:
        """Wait until it is gone; ``at_once``: whatever it is doing. Idempotent."""
        with anyio.CancelScope(shield=True):
            if at_once:
                with contextlib.suppress(ProcessLookupError):
                    self._process.terminate()
            await self._questions.aclose()
            with anyio.move_on_after(END_SECONDS):
                await self._process.wait()
            if self.alive:
                self._process.kill()
            with anyio.move_on_after(END_SECONDS), contextlib.suppress(*_CLOSED):
                async with self._reading:
                    while True:  # to its end: only then does the event loop close the pipe
                        await self._answers.receive()
            await self._process.aclose()


def _end_of(answer: Answer) -> str:
    code = answer.ended or 0
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
