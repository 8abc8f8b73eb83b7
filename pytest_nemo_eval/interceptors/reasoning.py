"""Takes a model's reasoning out of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from ..chat import Json, Request, Response
from ..errors import ConfigError
from .base import CallNext, Config, Plain
from .response_stats import IN_THE_RUN

_OTHER_NAMES = {
    "include_if_reasoning_not_finished": "include_if_not_finished",
    "track_reasoning": "enable_reasoning_tracking",
}


class ReasoningConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        start_reasoning_token: what reasoning begins with; None where models give nothing but the end token.
        end_reasoning_token: what it ends with; all up to the last one is reasoning.
        include_if_not_finished: whether reasoning without an end token stays in the answer. What stands before its
            start token stays in any case, and so does an answer without tokens.
        add_reasoning: whether reasoning is taken out at all; False leaves answers as they are and counts.
        migrate_reasoning_content: with add_reasoning False, puts what the server gave as reasoning back into the
            answer, between the tokens.
        enable_reasoning_tracking: whether the Run says how much reasoning there was.
    """

    start_reasoning_token: str | None = "<think>"  # noqa: S105  # no secret
    end_reasoning_token: str = "</think>"  # noqa: S105
    include_if_not_finished: bool = True
    add_reasoning: bool = True
    migrate_reasoning_content: bool = False
    enable_reasoning_tracking: bool = True

    NOT_HERE: ClassVar[Mapping[str, str]] = {
        "cache_dir": IN_THE_RUN,
        "enable_caching": IN_THE_RUN,
        "stats_file_saving_interval": IN_THE_RUN,
        "logging_aggregated_stats_interval": "it logs nothing on its way: counts stand in the Run",
    }

    @staticmethod
    def normalised(keys: Mapping[str, Json]) -> dict[str, Json]:
        """The keys as they are named here; NeMo Evaluator's flags have other names for two.

        Raises:
            ConfigError: the same key under both names.
        """
        normal: dict[str, Json] = {}
        for key, value in keys.items():
            name = _OTHER_NAMES.get(key, key)
            if name in normal:
                raise ConfigError(f"reasoning: {name} is set twice, under two names")
            normal[name] = value
        return normal


class Parts(NamedTuple):
    """What an answer is made of.

    Attributes:
        finished: its reasoning is; None where it holds none.
    """

    answer: str
    reasoning: str
    finished: bool | None


class Reasoning(Plain):
    """Moves reasoning from an answer's text to ``Response.reasoning``.

    Raises:
        ConfigError: tokens that are empty or the same, or keys that contradict each other.
    """

    name: ClassVar[str] = "reasoning"
    changes_response: ClassVar[bool] = True

    def __init__(self, config: ReasoningConfig) -> None:
        self.config = config
        self._start, self._end = config.start_reasoning_token, config.end_reasoning_token
        self._total = self._with_reasoning = self._started = self._finished = self._words = 0
        self._check()

    def _check(self) -> None:
        if not self._end or self._start == "":
            raise ConfigError("reasoning: a token must not be empty; start_reasoning_token may be null")
        if self._start == self._end:
            raise ConfigError(f"reasoning: start and end token are both {self._end!r}: nothing would tell them apart")
        if self.config.migrate_reasoning_content and (self.config.add_reasoning or self._start is None):
            raise ConfigError(
                "reasoning: migrate_reasoning_content puts reasoning back into answers, so it needs "
                "add_reasoning: false and a start_reasoning_token"
            )

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        given = (response.reasoning or "").strip()
        if given:
            self._count(Parts(response.text, given, finished=bool(response.text.strip())))
            return self._migrated(response) if self.config.migrate_reasoning_content else response
        parts = self.split(response.text)
        self._count(parts)
        if parts.finished is None or not self.config.add_reasoning:
            return response
        if not parts.finished and self.config.include_if_not_finished:
            return self._with_open_end(response)
        return response.replace(text=parts.answer, reasoning=parts.reasoning or None)

    def split(self, text: str) -> Parts:
        """In time that is linear in the text, whatever it holds."""
        before, end, after = text.rpartition(self._end)
        blocks = [before] if end else []
        answer, start, unfinished = after.partition(self._start) if self._start is not None else (after, "", "")
        if start:
            blocks.append(unfinished)
            answer = answer.rstrip()
        return Parts(
            answer=_answer(answer) if end else answer,
            reasoning="\n".join(piece for block in blocks for piece in self._pieces(block)),
            finished=False if start else True if end else None,
        )

    def _pieces(self, block: str) -> list[str]:
        """What stands between tokens, without blanks around it."""
        parts = block.split(self._end)
        if self._start is not None:
            parts = [piece for part in parts for piece in part.split(self._start)]
        return [piece.strip() for piece in parts if piece.strip()]

    def _with_open_end(self, response: Response) -> Response:
        """Finished reasoning is taken out, and reasoning that was begun after it stays in the answer."""
        before, end, after = response.text.rpartition(self._end)
        if not end:
            return response
        return response.replace(text=_answer(after), reasoning="\n".join(self._pieces(before)) or None)

    def _migrated(self, response: Response) -> Response:
        return response.replace(text=f"{self._start}{response.reasoning}{self._end}{response.text}", reasoning=None)

    def _count(self, parts: Parts) -> None:
        if not self.config.enable_reasoning_tracking:
            return
        words = len(parts.reasoning.split())
        self._total += 1
        self._words += words
        self._with_reasoning += words > 0
        self._started += parts.finished is not None
        self._finished += parts.finished is True

    def report(self) -> Mapping[str, Json]:
        """How many answers held reasoning, and how long it was on the average of those that held any."""
        if not self.config.enable_reasoning_tracking:
            return {}
        return {
            "total": self._total,
            "with_reasoning": self._with_reasoning,
            "started": self._started,
            "finished": self._finished,
            "unfinished": self._started - self._finished,
            "average_words": round(self._words / self._with_reasoning, 1) if self._with_reasoning else 0.0,
        }


def _answer(text: str) -> str:
    """Without blank lines around it; the indentation of its first line stays, as code needs it."""
    text = text.rstrip("\r\n")
    body = text.lstrip()
    blank = text[: len(text) - len(body)]
    return blank.rpartition("\n")[2] + body if body and "\n" in blank else body
