"""One system message, in front: for chat templates that allow no other."""

from __future__ import annotations

from typing import ClassVar

from ..chat import Message, Request, Response
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
        texts = [message.content for message in request.messages if message.role == "system"]
        if not texts or (len(texts) == 1 and request.messages[0].role == "system"):
            return await call_next(request)
        others = (message for message in request.messages if message.role != "system")
        return await call_next(request.replace(messages=(Message("system", self._separator.join(texts)), *others)))
