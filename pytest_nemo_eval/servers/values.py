"""What passes between the HTTP front, the bridge and an engine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

CHAT = "chat"
COMPLETIONS = "completions"
VERSION = "version"
LOWEST = -9999.0
"""Stands for minus infinity, which JSON has not."""


@dataclass(frozen=True)
class Call:
    """``chat`` or ``completions`` with the body as it came, or ``version``."""

    protocol: str
    body: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Call:
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Reply:
    """An HTTP status and a JSON body."""

    status: int
    body: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Reply:
        return cls(**json.loads(text))

    @classmethod
    def error(cls, status: int, message: str) -> Reply:
        """In the shape of OpenAI's API."""
        kind = {400: "BadRequestError", 404: "NotFoundError", 503: "ServiceUnavailableError"}.get(status, "ServerError")
        return cls(status, json.dumps({"error": {"message": message, "type": kind, "param": None, "code": status}}))


class RefusalError(Exception):
    """A request that cannot be answered, and why.

    Args:
        message: for whoever asked.
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Sampling:
    """How a continuation is drawn.

    Attributes:
        max_tokens: so many tokens at most.
        temperature: 0 takes the likeliest token.
        top_k: 0 for all.
        seed: None for chance.
        stop: texts that end it; what was written before the first stays.
        alternatives: how many of the likeliest tokens are told beside each chosen one.
    """

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    alternatives: int = 0


@dataclass(frozen=True)
class Row:
    """A prompt to be continued once."""

    tokens: tuple[int, ...]
    sampling: Sampling


@dataclass(frozen=True)
class Token:
    """A token with its log-probability (None for the first of a prompt), and the likeliest ones in its place."""

    id: int
    logprob: float | None
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Generated:
    """A continuation.

    Attributes:
        tokens: without the one that ends a text.
        count: how many tokens were drawn, that one too.
        text: up to a stop string.
        finish_reason: ``stop`` or ``length``.
    """

    tokens: tuple[Token, ...]
    count: int
    text: str
    finish_reason: str


class Engine(Protocol):
    """A model with its tokenizer. One thread at a time."""

    @property
    def context(self) -> int:
        """How many tokens a prompt and its continuation may have."""
        ...

    @property
    def vocabulary(self) -> int: ...

    @property
    def version(self) -> str: ...

    def encode(self, text: str) -> list[int]: ...

    def encode_chat(self, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> list[int]:
        """The conversation in the model's chat template.

        Raises:
            RefusalError: the model has none, or it does not take this conversation.
        """
        ...

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        """The text of each token, such that together they are the text of all."""
        ...

    def generate(self, rows: Sequence[Row]) -> list[Generated]: ...

    def score(self, prompts: Sequence[tuple[int, ...]], alternatives: int) -> list[tuple[Token, ...]]:
        """The log-probability of each token of each prompt."""
        ...


def cut_at_stop(text: str, stop: Sequence[str]) -> str | None:
    """The text before the first stop string in it; None where it holds none."""
    found = [place for place in (text.find(word) for word in stop) if place >= 0]
    return text[: min(found)] if found else None
