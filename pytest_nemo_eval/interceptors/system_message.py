"""A system message in front of every question."""

from __future__ import annotations

from typing import ClassVar, Literal

from ..chat import Message, Request, Response
from ..errors import RejectedRequestError
from .base import CallNext, Config, Plain


class SystemMessageConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        system_message: its text.
        strategy: prepend puts it before all messages, append behind all, replace takes every other system message out.
    """

    system_message: str
    strategy: Literal["prepend", "append", "replace"] = "prepend"


class SystemMessage(Plain):
    """Adds a system message to chat requests."""

    name: ClassVar[str] = "system_message"
    changes_request: ClassVar[bool] = True

    def __init__(self, config: SystemMessageConfig) -> None:
        self._config = config

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        if request.prompt is not None:
            raise RejectedRequestError(
                "system_message needs the chat protocol, and this request is a completion: ask an endpoint of chat "
                "completions, or leave system_message out"
            )
        added, messages = Message("system", self._config.system_message), request.messages
        if self._config.strategy == "append":
            return await call_next(request.replace(messages=(*messages, added)))
        if self._config.strategy == "replace":
            messages = tuple(message for message in messages if message.role != "system")
        return await call_next(request.replace(messages=(added, *messages)))
