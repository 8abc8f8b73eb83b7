"""One system message, in front: for chat templates that allow no other."""

from __future__ import annotations

from typing import ClassVar

from ..chat import Json, Message, Request, Response
from .base import CallNext, Config, Plain


class ConsolidateSystemConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        separator: what stands between the texts of system messages that are joined.
    """

    separator: str = "\n\n"


class ConsolidateSystem(Plain):
    """Joins all system messages, in their order, to one before all others."""

    name: ClassVar[str] = "consolidate_system"
    changes_request: ClassVar[bool] = True

    def __init__(self, config: ConsolidateSystemConfig) -> None:
        self._separator = config.separator

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        systems = [message for message in request.messages if message.role == "system"]
        if not systems or (len(systems) == 1 and request.messages[0].role == "system"):
            return await call_next(request)
        others = (message for message in request.messages if message.role != "system")
        return await call_next(request.replace(messages=(self._joined(systems), *others)))

    def _joined(self, systems: list[Message]) -> Message:
        """As a text, unless one of them has parts; their other keys are kept, an earlier one's before a later one's."""
        more = {key: value for message in reversed(systems) for key, value in message.more.items()}
        if all(isinstance(message.content, str) for message in systems):
            return Message("system", self._separator.join(message.text for message in systems), more)
        between: Json = {"type": "text", "text": self._separator}
        parts = [part for message in systems if message.parts for part in (between, *message.parts)]
        return Message("system", parts[1:], more)
