"""Answers out of Runs instead of asking a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..chat import Json, Request, Response
from ..errors import ConfigError, EvalError, RejectedRequestError
from ..interceptors import CallNext
from ..runs.journal import JOURNAL, read_entries
from ..runs.reader import index_results, read_record
from ..runs.writer import RESULTS

Key = tuple[int, str, int, str]
"""Which parameters, sample, repeat, and a digest of the text that was asked."""


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
        if not folder.is_dir():
            raise ConfigError(f"--backend replay: there is no folder {folder}: name that of a Run, or of a session")
        self.folder = folder
        self._answers: dict[Key, Response] = {}
        self._parameters: list[Mapping[str, Json]] = []
        models = []
        for path in sorted(folder.rglob("eval-*.json")):
            try:
                record = read_record(path.parent)
                models.append(record.model.id)
                self._read(path.parent, record.benchmark.parameters)
            except EvalError as error:
                raise ConfigError(f"--backend replay: {error}") from None
        if not self._answers:
            raise ConfigError(f"--backend replay: {folder} holds no Run with replies")
        self.model_id = models[0]

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        keys = ((index, request.sample_id, request.repeat, request.text_digest) for index in self._fitting(request))
        found = next((self._answers[key] for key in keys if key in self._answers), None)
        if found is None:
            raise RejectedRequestError(
                f"no Run in {self.folder} has a reply to the sample {request.sample_id!r} (repeat {request.repeat}) "
                "as it is asked here: the prompt, the data or the interceptors are others"
            )
        return found

    def _fitting(self, request: Request) -> list[int]:
        """The Runs' parameters, those first that are asked for now."""
        seed = request.parameters.get("seed")
        wanted = dict(request.parameters)
        if isinstance(seed, int):
            wanted["seed"] = seed - request.repeat
        return sorted(range(len(self._parameters)), key=lambda index: self._parameters[index] != wanted)

    def _read(self, folder: Path, parameters: Mapping[str, Json]) -> None:
        if parameters not in self._parameters:
            self._parameters.append(parameters)
        index = self._parameters.index(parameters)
        if (folder / JOURNAL).is_file():
            for _, entry in read_entries(folder / JOURNAL):
                self._answers.setdefault((index, entry.sample_id, entry.repeat, entry.prompt), entry.response)
        for result in index_results(folder / RESULTS):
            if result.error is None or result.reply:
                answer = Response(
                    text=result.reply,
                    finish_reason=result.finish_reason,
                    usage=result.usage,
                    seconds=result.seconds,
                    first_token_seconds=result.first_token_seconds,
                )
                self._answers.setdefault((index, result.sample_id, result.repeat, result.prompt), answer)
