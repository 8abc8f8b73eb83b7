"""Has every answer streamed, and gives it as a whole."""

from __future__ import annotations

from typing import ClassVar

from ..chat import Request, Response
from .base import CallNext, Config, Plain


class StreamingConfig(Config, frozen=True, kw_only=True):
    """It has no keys."""


class Streaming(Plain):
    """Asks the endpoint to stream; whoever sends puts the pieces together. So the time to the first token is measured,
    and an endpoint that gives up on long silences does not.
    """

    name: ClassVar[str] = "streaming"
    changes_request: ClassVar[bool] = True
    changes_response: ClassVar[bool] = True

    def __init__(self, config: StreamingConfig = StreamingConfig()) -> None:
        self._config = config

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        if request.parameters.get("stream") is True:
            return await call_next(request)
        return await call_next(request.replace(parameters={**request.parameters, "stream": True}))
