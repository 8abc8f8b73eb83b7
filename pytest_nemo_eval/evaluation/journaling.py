"""The innermost interceptor of a run: answers out of earlier Runs, and a journal of all."""

from __future__ import annotations

import time

from ..chat import Request, Response
from ..interceptors import CallNext
from ..runs.journal import Answers, Entry, Journal, request_key


class Journaling:
    """Writes each answer down before anybody sees it; what an earlier Run was answered is not asked again.

    Behind all other interceptors: what they make of a request is what counts, and what they make of an answer can be
    made again.

    Args:
        identity: of endpoint, model and benchmark.
        answers: of earlier Runs.
    """

    def __init__(self, journal: Journal, answers: Answers, identity: str, model_id: str) -> None:
        self._journal = journal
        self._answers = answers
        self._identity = identity
        self._model_id = model_id
        self._start = time.monotonic()
        self._sent: dict[tuple[str, int], list[str]] = {}

    @property
    def seconds(self) -> float:
        """The Run's own time: since its start, and what the Runs took whose answers it has."""
        return time.monotonic() - self._start + self._answers.at

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        key = self._key(request)
        response = self._answers.take(key)
        if response is None:
            response = await call_next(request)
        self._journal.append(
            Entry(
                key=key,
                sample_id=request.sample_id,
                repeat=request.repeat,
                prompt=request.text_digest,
                at=round(self.seconds, 3),
                response=response,
            )
        )
        return response

    def forget(self, sample_id: str, repeat: int) -> None:
        """A sample is finished; asked again, it begins anew."""
        self._sent.pop((sample_id, repeat), None)

    def _key(self, request: Request) -> str:
        """An interceptor may send one request several times for a sample, and wants as many answers."""
        key = request_key(request, self._identity, self._model_id)
        sent = self._sent.setdefault((request.sample_id, request.repeat), [])
        count = sent.count(key)
        sent.append(key)
        return f"{key}#{count + 1}" if count else key
