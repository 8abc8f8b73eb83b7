"""The other side of ``IsolatedScorer``: ``python -m pytest_nemo_eval.scorers.child MODULE:FUNCTION``.

Two processes. The *worker* runs the scorer: it reads a question a line from standard input and answers each with a line
on standard output, which the scorer itself does not get to see: what it prints goes to standard error. The *keeper*
only waits: until the worker has ended (it then says how), is to be ended at once (SIGTERM), or until standard input has
no writer any more, which is also so when the one who asks was killed. Then it ends the worker and all of its group.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time

import msgspec

from ..errors import EvalError
from ..samples import Sample
from ..scores import Score
from . import create_scorer

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 1.0
"""How long a worker may take to end by itself once nobody asks any more."""
POLL_MILLISECONDS = 100


class Setup(msgspec.Struct):
    """The first line: where modules are imported from."""

    path: list[str]


class Question(msgspec.Struct):
    """Every further line."""

    sample: Sample
    reply: str


class Answer(msgspec.Struct, omit_defaults=True):
    """A score, an error in words, or how the worker ended: its exit code, or a signal's number below 0.

    An empty one says that the scorer was imported.
    """

    score: Score | None = None
    error: str = ""
    ended: int | None = None


def to_line(value: msgspec.Struct) -> bytes:
    """As JSON by the standard library, which also carries half a surrogate pair."""
    return json.dumps(msgspec.to_builtins(value)).encode() + b"\n"


def main(name: str) -> None:
    """Be the keeper of a worker until that has ended."""
    waking, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    worker = os.fork()
    if worker == 0:
        signal.set_wakeup_fd(-1)
        _work(name)
        return
    with contextlib.suppress(OSError):  # it may have done so itself
        os.setpgid(worker, worker)
    ended = _watch(worker, waking)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker, signal.SIGKILL)
    if ended is None:
        os.waitpid(worker, 0)
    else:
        with contextlib.suppress(BrokenPipeError):
            os.write(1, to_line(Answer(ended=ended)))


def _watch(worker: int, waking: int) -> int | None:
    """How the worker ended by itself; None where it is to be ended."""
    poll = select.poll()
    poll.register(0, 0)  # reports hang-ups alone
    poll.register(waking, select.POLLIN)
    deadline = None
    while deadline is None or time.monotonic() < deadline:
        events = dict(poll.poll(None if deadline is None else POLL_MILLISECONDS))
        if waking in events and signal.SIGTERM in os.read(waking, 64):
            return None
        ended, status = os.waitpid(worker, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if 0 in events:
            poll.unregister(0)
            deadline = time.monotonic() + GRACE_SECONDS
    return None


def _work(name: str) -> None:
    """Answer questions until there are no more."""
    os.setpgid(0, 0)
    with contextlib.suppress(OSError, AttributeError):  # Linux alone has it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError), questions, answers:
        sys.path[:] = msgspec.convert(json.loads(questions.readline()), Setup).path
        try:
            scorer = create_scorer(name)
        except EvalError as error:
            answers.write(to_line(Answer(error=str(error))))
            return
        answers.write(to_line(Answer()))
        answers.flush()
        for line in questions:
            question = msgspec.convert(json.loads(line), Question)
            try:
                answer = Answer(score=scorer(question.sample, question.reply))
            except Exception as error:
                answer = Answer(error=str(error) or type(error).__name__)
            answers.write(to_line(answer))
            answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
