"""Answers that ran into the limit of tokens say so, whatever their server says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..chat import Json, Request, Response, tool_calls
from .base import CallNext, Config, Plain

_TOOL_CALLS = ("tool_calls", "function_call")


class FinishReasonConfig(Config, frozen=True, kw_only=True):
    """Nothing can be set."""


class FinishReason(Plain):
    """Relabels ``stop`` to ``length`` where as many tokens came as were asked for at most, and counts empty answers."""

    name: ClassVar[str] = "finish_reason"
    changes_response: ClassVar[bool] = True

    def __init__(self, config: FinishReasonConfig) -> None:
        self._total = self._relabelled = self._empty = 0

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        self._total += 1
        self._empty += (
            not response.text.strip() and response.finish_reason not in _TOOL_CALLS and not tool_calls(response)
        )
        most = _most(request.parameters)
        if response.finish_reason != "stop" or most is None or response.usage.completion_tokens < most:
            return response
        if _is_one_of_several(request, response):  # the server counts their tokens together
            return response
        self._relabelled += 1
        return response.replace(finish_reason="length")

    def report(self) -> Mapping[str, Json]:
        return {"total": self._total, "relabelled": self._relabelled, "empty": self._empty}


def _is_one_of_several(request: Request, response: Response) -> bool:
    choices = response.envelope.get("choices") if response.envelope is not None else None
    if isinstance(choices, list) and len(choices) > 1:
        return True
    several = (request.parameters.get("n"), request.parameters.get("best_of"))
    prompts = request.parameters.get("prompt")  # a list of texts, or of tokens
    return any(isinstance(count, int) and count > 1 for count in several) or (
        isinstance(prompts, list) and len(prompts) > 1 and not isinstance(prompts[0], int)
    )


def _most(parameters: Mapping[str, Json]) -> int | None:
    """How many tokens may come; None where nothing that makes sense is said."""
    for key in ("max_completion_tokens", "max_tokens"):
        value = parameters.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None
