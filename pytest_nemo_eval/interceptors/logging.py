"""Requests and what comes back, in Python's logging: ``request_logging`` and ``response_logging`` in one."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from ..chat import Request, Response
from ..errors import ConfigError
from .base import CallNext, Config, Plain
from .request_logging import RequestLogging, RequestLoggingConfig
from .response_logging import ResponseLogging, ResponseLoggingConfig


class LoggingConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        log_request_body, log_request_headers, max_requests: as of request_logging; all requests by default.
        log_response_body, log_response_headers, max_responses: as of response_logging.
        max_characters: of one text that are shown (512).
    """

    log_request_body: bool = True
    log_request_headers: bool = True
    max_requests: int | None = None
    log_response_body: bool = True
    log_response_headers: bool = True
    max_responses: int | None = None
    max_characters: int = 512

    def __post_init__(self) -> None:
        if self.max_characters < 0:
            raise ConfigError("the interceptor logging: max_characters is a number of characters, 0 at the least")


class Logging(Plain):
    """Logs requests, answers and errors at INFO, the beginning of each text."""

    name: ClassVar[str] = "logging"

    def __init__(self, config: LoggingConfig) -> None:
        requests = RequestLoggingConfig(
            log_request_body=config.log_request_body,
            log_request_headers=config.log_request_headers,
            max_requests=config.max_requests,
            log_level=config.log_level,
        )
        responses = ResponseLoggingConfig(
            log_response_body=config.log_response_body,
            log_response_headers=config.log_response_headers,
            max_responses=config.max_responses,
            log_level=config.log_level,
        )
        self._requests = RequestLogging(requests, config.max_characters)
        self._responses = ResponseLogging(responses, config.max_characters)

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        return await self._requests(request, partial(self._responses, call_next=call_next))
