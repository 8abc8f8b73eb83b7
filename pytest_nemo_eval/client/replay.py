"""Answers out of Runs instead of asking a model."""

from __future__ import annotations

from pathlib import Path

from ..chat import Request, Response
from ..errors import ConfigError, EvalError, RejectedRequestError
from ..interceptors import CallNext
from ..runs.journal import JOURNAL, read_entries
from ..runs.reader import index_results, read_record
from ..runs.writer import RESULTS

Key = tuple[str, int, str]
"""Sample, repeat, and a digest of the text that was asked."""


class Replay:
    """An interceptor that answers as the model of a Run did, and asks nobody.

    Args:
        folder: of a Run, or of a session or a baseline with several. What a Run's journal has is answered as the
            endpoint gave it; of a Run without one, as its interceptors left it.

    Attributes:
        model_id: of the model that was asked then.

    Raises:
        ConfigError: the folder holds no Run that can be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._answers: dict[Key, Response] = {}
        models = []
        for path in sorted(folder.rglob("eval-*.json")):
            try:
                models.append(read_record(path.parent).model.id)
                self._read(path.parent)
            except EvalError as error:
                raise ConfigError(f"--backend replay: {error}") from None
        if not self._answers:
            raise ConfigError(f"--backend replay: {folder} holds no Run with replies")
        self.model_id = models[0]

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        found = self._answers.get((request.sample_id, request.repeat, request.text_digest))
        if found is None:
            raise RejectedRequestError(
                f"no Run in {self.folder} has a reply to the sample {request.sample_id!r} (repeat {request.repeat}) "
                "as it is asked here: the prompt, the data or the interceptors are others"
            )
        return found

    def _read(self, folder: Path) -> None:
        if (folder / JOURNAL).is_file():
            for _, entry in read_entries(folder / JOURNAL):
                self._answers.setdefault((entry.sample_id, entry.repeat, entry.prompt), entry.response)
        for result in index_results(folder / RESULTS):
            if result.error is None or result.reply:
                answer = Response(
                    text=result.reply,
                    finish_reason=result.finish_reason,
                    usage=result.usage,
                    seconds=result.seconds,
                    first_token_seconds=result.first_token_seconds,
                )
                self._answers.setdefault((result.sample_id, result.repeat, result.prompt), answer)
