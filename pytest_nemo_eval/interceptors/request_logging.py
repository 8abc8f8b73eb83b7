"""What is sent, in Python's logging."""

from __future__ import annotations

import json
import logging
from typing import ClassVar

from ..chat import Request, Response
from .base import CallNext, Config, Plain
from .shown import show_body, show_headers

MOST = 2000
"""Characters of one text that are shown."""

_logger = logging.getLogger("pytest_nemo_eval.requests")


class RequestLoggingConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        log_request_body: messages and parameters.
        log_request_headers: headers, of keys their names alone; the endpoint's own are put on later.
        max_requests: so many, the first ones; null for all.
    """

    log_request_body: bool = True
    log_request_headers: bool = True
    max_requests: int | None = 2


class RequestLogging(Plain):
    """Logs requests at INFO, as they are where it stands in the chain.

    Args:
        most: characters of one text that are shown.
    """

    name: ClassVar[str] = "request_logging"

    def __init__(self, config: RequestLoggingConfig, most: int = MOST) -> None:
        self._config = config
        self._most = most
        self._level = config.level(logging.INFO)
        self._logged = 0

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        most = self._config.max_requests
        if (most is None or self._logged < most) and _logger.isEnabledFor(self._level):
            self._logged += 1
            _logger.log(self._level, "request of %s: %s", origin(request), self._words(request))
        return await call_next(request)

    def _words(self, request: Request) -> str:
        parts = [request.protocol.path]
        if self._config.log_request_headers and request.headers:
            parts.append(to_line(show_headers(request.headers)))
        if self._config.log_request_body:
            parts.append(to_line(show_body(request, self._most)))
        return " ".join(parts)


def origin(request: Request) -> str:
    """Who asks, in words."""
    return f"sample {request.sample_id!r}, repeat {request.repeat}" if request.sample_id else "no sample"


def to_line(value: object) -> str:
    """JSON on one line, whatever the value holds."""
    return json.dumps(value, ensure_ascii=False, default=repr)
