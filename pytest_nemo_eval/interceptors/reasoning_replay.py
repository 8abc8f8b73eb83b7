"""Gives a model its earlier reasoning back, which clients leave out of a conversation's history."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import msgspec

from ..chat import Json, Message, Request, Response, text_digest, tool_calls
from ..errors import ConfigError
from .base import CallNext, Config, Plain

NATIVE = ("reasoning_content", "reasoning")
"""The keys of a message that servers read and write reasoning in."""

_logger = logging.getLogger("pytest_nemo_eval.requests")
_Key = tuple[str, int, str]


class ReasoningReplayConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        mode: where the reasoning goes: think_tags puts it in front of the content, between the tags; native into the
            message's keys reasoning_content and reasoning; both does both.
        tag_open: what stands before it.
        tag_close: what stands behind it.
        cache_max_entries: how many turns are remembered; those that were not used for longest are forgotten.
        log_misses: whether a turn whose reasoning is not known is logged.
    """

    mode: Literal["think_tags", "native", "both"] = "think_tags"
    tag_open: str = "<think>"
    tag_close: str = "</think>"
    cache_max_entries: Annotated[int, msgspec.Meta(ge=1)] = 10_000
    log_misses: bool = False


class ReasoningReplay(Plain):
    """Remembers the reasoning of each answer, and puts it into that turn when the conversation goes on.

    A turn is known by its conversation (sample and repeat; the proxy's session) and the id of one of its tool calls,
    else by its whole text and how often that was said before. It stands outside of ``reasoning``, which takes
    reasoning out of texts.

    Raises:
        ConfigError: a tag is empty.
    """

    name: ClassVar[str] = "reasoning_replay"
    changes_request: ClassVar[bool] = True

    def __init__(self, config: ReasoningReplayConfig = ReasoningReplayConfig()) -> None:
        if not config.tag_open or not config.tag_close:
            raise ConfigError("reasoning_replay: tag_open and tag_close must not be empty")
        self._config = config
        self._known: OrderedDict[_Key, str] = OrderedDict()
        self._hits = self._misses = self._remembered = 0

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        if request.prompt is not None:
            return await call_next(request)
        said: Counter[str] = Counter()  # how often the assistant said a text before
        messages = tuple(
            self._with_reasoning(message, self._keys_of(message, request, said))
            if message.role == "assistant"
            else message
            for message in request.messages
        )
        response = await call_next(request.replace(messages=messages) if said else request)
        if response.reasoning:
            self._remember(_keys(request, tool_calls(response), response.text, said), response.reasoning)
        return response

    def report(self) -> Mapping[str, Json]:
        """Turns that were given their reasoning, those whose reasoning is not known, and answers remembered."""
        return {"hits": self._hits, "misses": self._misses, "remembered": self._remembered}

    def _remember(self, keys: list[_Key], reasoning: str) -> None:
        for key in keys:
            self._known[key] = reasoning
            self._known.move_to_end(key)
        self._remembered += bool(keys)
        while len(self._known) > self._config.cache_max_entries:
            self._known.popitem(last=False)

    def _keys_of(self, message: Message, request: Request, said: Counter[str]) -> list[_Key]:
        calls = message.more.get("tool_calls")
        keys = _keys(request, calls if isinstance(calls, list) else [], message.text, said)
        said[message.text.strip()] += 1
        return keys

    def _with_reasoning(self, message: Message, keys: list[_Key]) -> Message:
        own = next((value for key in NATIVE if isinstance(value := message.more.get(key), str) and value), None)
        if message.text.lstrip().startswith(self._config.tag_open) or (own and self._config.mode == "native"):
            return message  # the client itself says it
        reasoning = own or self._find(keys)
        if reasoning is None:
            self._misses += 1
            if self._config.log_misses:
                _logger.info("reasoning_replay: the reasoning of a turn is not known: %r", message.text[:80])
            return message
        self._hits += 1
        if self._config.mode != "native":
            message = message.replace(content=self._tagged(message, reasoning))
        if self._config.mode != "think_tags":
            message = message.replace(more={**message.more, **dict.fromkeys(NATIVE, reasoning)})
        return message

    def _find(self, keys: list[_Key]) -> str | None:
        for key in keys:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        return None

    def _tagged(self, message: Message, reasoning: str) -> str | list[Json]:
        tagged = f"{self._config.tag_open}{reasoning}{self._config.tag_close}"
        if isinstance(message.content, list):
            return [{"type": "text", "text": tagged}, *message.content]
        return tagged + message.text


def _keys(request: Request, calls: list[Json], text: str, said: Counter[str]) -> list[_Key]:
    """What a turn is known by; nothing where it holds neither calls nor words."""
    ids = [call.get("id") for call in calls if isinstance(call, dict)]
    names = [f"call {name}" for name in ids if isinstance(name, str) and name]
    text = text.strip()
    if not names and text:
        names = [f"{text_digest(text)} {said[text]}"]
    return [(*request.conversation, name) for name in names]
