"""The mark in NeMo Evaluator's lists of where requests are sent; here that is always the innermost place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..chat import Request, Response
from .base import CallNext, Config, Plain

_PARAMS = "params of a task"


class EndpointMarkConfig(Config, frozen=True, kw_only=True):
    """It has no keys: what NeMo Evaluator says there has other places."""

    NOT_HERE: ClassVar[Mapping[str, str]] = {
        "upstream_url": "the endpoint is target.api_endpoint.url, or --model-url",
        "api_key": "the key is target.api_endpoint.api_key, as ${NAME}",
        "extra_body": "put the interceptor payload_modifier with params_to_add before it",
        "extra_headers": "write target.api_endpoint.headers, or the interceptor payload_modifier with headers_to_add",
        "request_timeout": f"write request_timeout in {_PARAMS}",
        "max_retries": f"write max_retries in {_PARAMS}",
        "retry_on_status": "408, 409, 425, 429 and every 5xx are: max_retries in params of a task says how often",
        "max_concurrent": f"write parallelism in {_PARAMS}, or --eval-concurrency",
        "model_traffic_store_id": "the Run holds questions and replies, http_pairs_dump keeps requests as sent",
    }


class EndpointMark(Plain):
    """Passes everything on. ``create_interceptors`` leaves it out."""

    name: ClassVar[str] = "endpoint"

    def __init__(self, config: EndpointMarkConfig) -> None:
        self._config = config

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        return await call_next(request)
