"""Tokens of each answer, in Python's logging."""

from __future__ import annotations

import logging
from typing import ClassVar

from ..chat import Request, Response
from .base import CallNext, Config, Plain
from .request_logging import origin

_logger = logging.getLogger("pytest_nemo_eval.requests")


class LogTokensConfig(Config, frozen=True, kw_only=True):
    """It has no keys of its own."""


class LogTokens(Plain):
    """Logs the tokens of each answer at DEBUG, as the server counts them."""

    name: ClassVar[str] = "log_tokens"

    def __init__(self, config: LogTokensConfig = LogTokensConfig()) -> None:
        self._level = config.level(logging.DEBUG)

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        if isinstance(response, Response) and _logger.isEnabledFor(self._level):
            usage = response.usage
            total = usage.prompt_tokens + usage.completion_tokens
            _logger.log(
                self._level,
                "tokens of %s: %d prompt + %d completion = %d",
                origin(request),
                usage.prompt_tokens,
                usage.completion_tokens,
                total,
            )
        return response
