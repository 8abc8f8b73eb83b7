"""What comes back, in Python's logging."""

from __future__ import annotations

import logging
from typing import ClassVar

from ..chat import Json, Request, Response
from .base import CallNext, Config, Plain
from .request_logging import MOST, origin, to_line
from .shown import show_error, show_response

_TEXTS = ("text", "reasoning", "tool_calls")
_logger = logging.getLogger("pytest_nemo_eval.requests")


class ResponseLoggingConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        log_response_body: the answer and its reasoning.
        log_response_headers: what is said beside them: finish reason, tokens, seconds, attempts.
        max_responses: so many, the first ones; null for all.
    """

    log_response_body: bool = True
    log_response_headers: bool = True
    max_responses: int | None = None


class ResponseLogging(Plain):
    """Logs answers and errors at INFO, as they are where it stands in the chain.

    Args:
        most: characters of one text that are shown.
    """

    name: ClassVar[str] = "response_logging"

    def __init__(self, config: ResponseLoggingConfig, most: int = MOST) -> None:
        self._config = config
        self._most = most
        self._level = config.level(logging.INFO)
        self._logged = 0

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        try:
            response = await call_next(request)
        except Exception as error:
            if self._counts():
                _logger.log(
                    self._level, "no response for %s: %s", origin(request), to_line(show_error(error, self._most))
                )
            raise
        if isinstance(response, Response) and self._counts():
            _logger.log(self._level, "response for %s: %s", origin(request), to_line(self._wanted(response)))
        return response

    def _counts(self) -> bool:
        """Whether one more is to be logged, which is counted then."""
        most = self._config.max_responses
        if (most is not None and self._logged >= most) or not _logger.isEnabledFor(self._level):
            return False
        self._logged += 1
        return True

    def _wanted(self, response: Response) -> dict[str, Json]:
        config = self._config
        wanted = {True: config.log_response_body, False: config.log_response_headers}
        return {name: value for name, value in show_response(response, self._most).items() if wanted[name in _TEXTS]}
