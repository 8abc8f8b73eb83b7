from __future__ import annotations

import asyncio
import logging

import msgspec
import pytest

from pytest_nemo_eval.chat import Request, Response, Usage
from pytest_nemo_eval.errors import AccessError, ConfigError, EndpointError
from pytest_nemo_eval.interceptors.response_stats import ResponseStats, ResponseStatsConfig
from tests.interceptors.models import Model, ask, run

ANSWERS = [
    Response(text="a", finish_reason="stop", usage=Usage(10, 2), seconds=0.5),
    Response(text="b", finish_reason="length", usage=Usage(20, 8), seconds=1.5),
    Response(text="c", usage=Usage(30, 5), seconds=1.0),
    Response(text="", finish_reason="tool_calls", usage=Usage(20, 5), seconds=1.0),
]


def after(stats: ResponseStats, *outcomes: Response | Exception) -> ResponseStats:
    async def main() -> None:
        for outcome in outcomes:

            async def model(request: Request, outcome: Response | Exception = outcome) -> Response:
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome

            if isinstance(outcome, Exception):
                with pytest.raises(type(outcome)):
                    await stats(ask(), model)
            else:
                assert await stats(ask(), model) is outcome

    run(main())
    return stats


def test_counts_averages_and_maxima() -> None:
    errors = [EndpointError("x"), EndpointError("y"), AccessError("z")]
    assert after(ResponseStats(), *ANSWERS, *errors).report() == {
        "count": 7,
        "successful_count": 4,
        "avg_latency": 1.0,
        "max_latency": 1.5,
        "avg_prompt_tokens": 20.0,
        "max_prompt_tokens": 30,
        "avg_completion_tokens": 5.0,
        "max_completion_tokens": 8,
        "avg_total_tokens": 25.0,
        "max_total_tokens": 35,
        "finish_reason": {"stop": 1, "length": 1, "unknown": 1, "tool_calls": 1},
        "tool_calls_count": 1,
        "errors": {"EndpointError": 2, "AccessError": 1},
    }


def test_nothing_asked() -> None:
    report = ResponseStats().report()
    assert report["count"] == 0
    assert report["avg_latency"] is None


def test_parts() -> None:
    config = ResponseStatsConfig(collect_token_stats=False, collect_finish_reasons=False, collect_tool_calls=False)
    assert set(after(ResponseStats(config), *ANSWERS).report()) == {
        "count",
        "successful_count",
        "avg_latency",
        "max_latency",
        "errors",
    }


def test_256_at_once_are_all_counted() -> None:
    stats, model = ResponseStats(), Model()

    async def main() -> None:
        await asyncio.gather(*(stats(ask(str(number)), model) for number in range(256)))

    run(main())
    assert stats.report()["successful_count"] == 256


@pytest.mark.parametrize(
    ("keys", "lines"), [({"every": 2}, 2), ({"logging_aggregated_stats_interval": 4}, 1), ({"every": 0}, 0)]
)
def test_lines(caplog: pytest.LogCaptureFixture, keys: dict[str, int], lines: int) -> None:
    with caplog.at_level(logging.INFO, "pytest_nemo_eval.requests"):
        after(ResponseStats(msgspec.convert(keys, ResponseStatsConfig)), *ANSWERS, EndpointError("x"))
    assert len([line for line in caplog.messages if line.startswith("responses so far")]) == lines


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"every": 1, "logging_aggregated_stats_interval": 1}, "mean the same"),
        ({"every": -1}, "number of responses"),
        ({"each": 1}, "unknown field"),
    ],
)
def test_refused_keys(keys: dict[str, int], words: str) -> None:
    with pytest.raises((ConfigError, msgspec.ValidationError), match=words):
        msgspec.convert(keys, ResponseStatsConfig)
