"""Counts the turns of a conversation, tells the model how many are left, and ends it when none is."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import msgspec

from ..chat import Json, Message, Request, Response
from ..errors import RejectedRequestError, SpentError
from .base import CallNext, Config, Plain
from .request_logging import origin

_logger = logging.getLogger("pytest_nemo_eval.requests")
_MOST_CONVERSATIONS = 10_000  # many more than can be going on: those that rest longest are forgotten
_Positive = Annotated[int, msgspec.Meta(ge=1)]


class TurnCounterConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        max_turns: how many requests a conversation may have.
        position: where the model is reminded: in a system message behind all others, at the end of the last user
            message, or in a user message of its own.
        trigger: when: threshold from 80 % of the turns on, and in stronger words from 95 % on; periodic every so often.
        interval: how often that is, in turns.
        every: turns of a conversation between two lines at DEBUG in Python's logging; None for none.
    """

    max_turns: _Positive
    position: Literal["system_message", "user_message", "new_user_message"] = "system_message"
    trigger: Literal["threshold", "periodic"] = "threshold"
    interval: _Positive = 1
    every: _Positive | None = None


class TurnCounter(Plain):
    """A conversation is a repeat of a sample; requests of the user's own belong together by their first question."""

    name: ClassVar[str] = "turn_counter"
    changes_request: ClassVar[bool] = True

    def __init__(self, config: TurnCounterConfig) -> None:
        self._config = config
        self._turns: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._total = self._most = self._refused = 0

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        if request.prompt is not None:
            raise RejectedRequestError(
                "turn_counter needs the chat protocol, and this request is a completion: ask an endpoint of chat "
                "completions, or leave turn_counter out"
            )
        turn, most = self._count(request), self._config.max_turns
        if turn > most:
            self._refused += 1
            raise SpentError(f"turn_counter: this would be turn {turn} of at most {most} (max_turns)")
        self._total += 1
        self._most = max(self._most, turn)
        if self._config.every is not None and not turn % self._config.every:
            _logger.log(self._config.level(logging.DEBUG), "turn %d of %d of %s", turn, most, origin(request))
        words = self._words(turn)
        return await call_next(request.replace(messages=self._with(request.messages, words)) if words else request)

    def _count(self, request: Request) -> int:
        key = request.conversation
        turn = self._turns.pop(key, 0) + 1
        self._turns[key] = turn
        if len(self._turns) > _MOST_CONVERSATIONS:
            self._turns.popitem(last=False)
        return turn

    def forget(self, sample_id: str, repeat: int) -> None:
        """A sample is finished; asked again, it is another conversation."""
        self._turns.pop((sample_id, repeat), None)

    def _words(self, turn: int) -> str:
        """What the model is told; "" for nothing."""
        most = self._config.max_turns
        left = most - turn
        if self._config.trigger == "periodic":
            return "" if turn % self._config.interval else f"Reminder: {left} turns are left to finish the task."
        if 20 * turn >= 19 * most:
            return f"URGENT: this is turn {turn} of {most}, {left} left. Begin nothing new; give your final answer now."
        if 5 * turn >= 4 * most:
            return (
                f"This is turn {turn} of {most}, {left} left. Finish what you are doing and prepare your final answer."
            )
        return ""

    def _with(self, messages: tuple[Message, ...], words: str) -> tuple[Message, ...]:
        if self._config.position == "system_message":
            return (*messages, Message("system", words))
        places = [place for place, message in enumerate(messages) if message.role == "user"]
        if self._config.position == "new_user_message" or not places:
            return (*messages, Message("user", words))
        last = messages[places[-1]]
        return (*messages[: places[-1]], last.replace(content=_told(last, words)), *messages[places[-1] + 1 :])

    def report(self) -> Mapping[str, Json]:
        """All turns, those of the longest conversation, and requests beyond ``max_turns``."""
        return {"turns": self._total, "most_turns": self._most, "refused": self._refused}


def _told(message: Message, words: str) -> str | list[Json]:
    if isinstance(message.content, list):
        return [*message.content, {"type": "text", "text": words}]
    return f"{message.content}\n\n{words}" if message.content else words
