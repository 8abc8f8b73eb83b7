"""Counts, tokens and seconds of what came back."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import ClassVar

from ..chat import Json, Request, Response
from ..errors import ConfigError
from .base import CallNext, Config
from .spelling import either

IN_THE_RUN = "it writes no files of its own: counts and every sample stand in the Run"
_TOOL_CALLS = ("tool_calls", "function_call")

_logger = logging.getLogger("pytest_nemo_eval.requests")


class ResponseStatsConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        collect_token_stats: tokens, as the server counts them.
        collect_finish_reasons: how often each reason to finish came.
        collect_tool_calls: how many answers called tools, by their reason to finish.
        every: responses between two lines at INFO in Python's logging (100); 0 for none.
        logging_aggregated_stats_interval: another spelling of it.
    """

    collect_token_stats: bool = True
    collect_finish_reasons: bool = True
    collect_tool_calls: bool = True
    every: int | None = None
    logging_aggregated_stats_interval: int | None = None

    NOT_HERE: ClassVar[Mapping[str, str]] = {
        "cache_dir": IN_THE_RUN,
        "save_individuals": IN_THE_RUN,
        "stats_file_saving_interval": IN_THE_RUN,
    }

    def __post_init__(self) -> None:
        if self.interval < 0:
            raise ConfigError("the interceptor response_stats: every is a number of responses, or 0 for never")

    @property
    def interval(self) -> int:
        interval = self.logging_aggregated_stats_interval
        return either("response_stats", 100, every=self.every, logging_aggregated_stats_interval=interval)


class _Figure:
    """Sum and maximum of a number."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._max = 0.0

    def add(self, number: float) -> None:
        self._sum += number
        self._max = max(self._max, number)

    def report(self, name: str, count: int) -> dict[str, Json]:
        return {f"avg_{name}": round(self._sum / count, 4) if count else None, f"max_{name}": round(self._max, 4)}


class ResponseStats:
    """Counts answers and errors; changes nothing."""

    name: ClassVar[str] = "response_stats"
    changes_request: ClassVar[bool] = False
    changes_response: ClassVar[bool] = False

    def __init__(self, config: ResponseStatsConfig = ResponseStatsConfig()) -> None:
        self._config = config
        self._answers = 0
        self._errors: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._prompt, self._completion, self._total, self._seconds = _Figure(), _Figure(), _Figure(), _Figure()

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        try:
            response = await call_next(request)
        except Exception as error:
            self._errors[type(error).__name__] += 1
            self._log_now_and_then()
            raise
        if isinstance(response, Response):
            self._note(response)
            self._log_now_and_then()
        return response

    def report(self) -> Mapping[str, Json]:
        """Averages are over answers; the seconds are those of the attempt that was answered."""
        count = self._answers
        told: dict[str, Json] = {
            "count": count + sum(self._errors.values()),
            "successful_count": count,
            **self._seconds.report("latency", count),
        }
        if self._config.collect_token_stats:
            told |= self._prompt.report("prompt_tokens", count)
            told |= self._completion.report("completion_tokens", count)
            told |= self._total.report("total_tokens", count)
        if self._config.collect_finish_reasons:
            told["finish_reason"] = dict(self._reasons)
        if self._config.collect_tool_calls:
            told["tool_calls_count"] = sum(self._reasons[reason] for reason in _TOOL_CALLS)
        told["errors"] = dict(self._errors)
        return told

    def close(self) -> None:
        """Nothing is open."""

    def _note(self, response: Response) -> None:
        usage = response.usage
        self._answers += 1
        self._reasons[response.finish_reason or "unknown"] += 1
        self._prompt.add(usage.prompt_tokens)
        self._completion.add(usage.completion_tokens)
        self._total.add(usage.prompt_tokens + usage.completion_tokens)
        self._seconds.add(response.seconds)

    def _log_now_and_then(self) -> None:
        interval = self._config.interval
        if interval and not (self._answers + sum(self._errors.values())) % interval:
            _logger.log(self._config.level(logging.INFO), "responses so far: %s", self.report())
