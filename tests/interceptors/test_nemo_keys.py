"""Names, keys and lists of NeMo Evaluator's two code lines: taken, or refused with the reason."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_nemo_eval import Message, Request, Response
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.interceptors import chain, create_interceptor, create_interceptors, name_of
from pytest_nemo_eval.interceptors.table import BUILT_IN

Keys = dict[str, Any]
PAYLOAD: Keys = {
    "params_to_remove": ["a"],
    "params_to_rename": {"b": "c"},
    "params_to_add": {"d": 1},
    "headers_to_remove": ["x-a"],
    "headers_to_rename": {"x-b": "x-c"},
    "headers_to_add": {"x-d": "1"},
}
NEW: list[tuple[str, Keys]] = [
    ("endpoint", {}),
    ("caching", {"cache_dir": "{tmp}/c", "bypass": False}),
    ("drop_params", {"params": ["seed"]}),
    ("modify_tools", {"strip_properties": ["a"], "add_properties": {"b": {"type": "string"}}}),
    ("turn_counter", {"every": 1, "max_turns": 9, "position": "system_message", "trigger": "threshold", "interval": 1}),
    ("turn_counter", {"max_turns": 9, "position": "user_message", "trigger": "periodic"}),
    ("system_message", {"system_message": "x", "strategy": "prepend"}),
    ("system_message", {"system_message": "x", "strategy": "append"}),
    ("system_message", {"system_message": "x", "strategy": "replace"}),
    ("payload_modifier", PAYLOAD),
    ("consolidate_system", {"separator": "\n\n"}),
    ("raise_client_errors", {}),
    ("log_tokens", {}),
    ("response_stats", {"every": 100}),
    ("finish_reason", {}),
    ("reasoning", {}),
    ("progress_tracking", {"webhook_url": "http://127.0.0.1:9/", "every": 10}),
    ("logging", {}),
    ("http_pairs_dump", {"dump_path": "{tmp}/pairs.json", "first_n": 50}),
]
"""Section 1.2's table; reasoning_replay and streaming have tests of their own."""
OLD: list[tuple[str, Keys]] = [
    ("system_message", {"system_message": "x", "strategy": "prepend"}),
    ("payload_modifier", PAYLOAD),
    ("request_logging", {"log_request_body": True, "log_request_headers": True, "max_requests": 2}),
    ("response_logging", {"log_response_body": True, "log_response_headers": True, "max_responses": None}),
    (
        "caching",
        {
            "cache_dir": "{tmp}/c",
            "reuse_cached_responses": True,
            "save_requests": True,
            "save_responses": True,
            "max_saved_requests": None,
            "max_saved_responses": 5,
        },
    ),
    ("endpoint", {}),
    (
        "response_stats",
        {
            "collect_token_stats": True,
            "collect_finish_reasons": True,
            "collect_tool_calls": True,
            "logging_aggregated_stats_interval": 100,
        },
    ),
    (
        "reasoning",
        {
            "start_reasoning_token": "<think>",
            "end_reasoning_token": "</think>",
            "add_reasoning": True,
            "migrate_reasoning_content": False,
            "enable_reasoning_tracking": True,
            "include_if_not_finished": True,
        },
    ),
    ("progress_tracking", {"progress_tracking_url": "http://127.0.0.1:9/", "interval": 1, "request_method": "PATCH"}),
    (
        "raise_client_errors",
        {
            "exclude_status_codes": [408, 429],
            "status_codes": None,
            "status_code_range_start": 400,
            "status_code_range_end": 499,
        },
    ),
]
REFUSED: list[tuple[str, str, str]] = [
    ("endpoint", "upstream_url", "target.api_endpoint.url"),
    ("endpoint", "api_key", "target.api_endpoint.api_key"),
    ("endpoint", "extra_body", "params_to_add"),
    ("endpoint", "extra_headers", "target.api_endpoint.headers"),
    ("endpoint", "request_timeout", "params of a task"),
    ("endpoint", "max_retries", "params of a task"),
    ("endpoint", "retry_on_status", "max_retries in params of a task"),
    ("endpoint", "max_concurrent", "--eval-concurrency"),
    ("endpoint", "model_traffic_store_id", "http_pairs_dump"),
    ("response_stats", "stats_file_saving_interval", "stand in the Run"),
    ("response_stats", "save_individuals", "stand in the Run"),
    ("response_stats", "cache_dir", "stand in the Run"),
    ("reasoning", "stats_file_saving_interval", "stand in the Run"),
    ("reasoning", "enable_caching", "stand in the Run"),
    ("reasoning", "cache_dir", "stand in the Run"),
    ("reasoning", "logging_aggregated_stats_interval", "stand in the Run"),
    ("progress_tracking", "interval_seconds", "interval counts answers"),
    ("progress_tracking", "output_dir", "results.jsonl"),
]


def filled(keys: Keys, folder: Path) -> Keys:
    return {key: value.format(tmp=folder) if isinstance(value, str) else value for key, value in keys.items()}


@pytest.mark.parametrize(("name", "keys"), [*NEW, *OLD])
@pytest.mark.parametrize("more", [{}, {"log_level": "INFO"}])
def test_keys_that_are_taken(tmp_path: Path, name: str, keys: Keys, more: Keys) -> None:
    made: Any = create_interceptor(name, filled(keys, tmp_path) | more)
    assert name_of(made) == name
    made.close()


@pytest.mark.parametrize(("name", "key", "words"), REFUSED)
def test_keys_that_are_refused_say_why(name: str, key: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"the interceptor {name} does not take {key}: .*{words}"):
        create_interceptor(name, {key: 1})


def test_levels_are_those_of_logging() -> None:
    with pytest.raises(ConfigError, match="the interceptor logging: Invalid enum value 'LOUD'"):
        create_interceptor("logging", {"log_level": "LOUD"})


@pytest.mark.parametrize("name", ["nvcf", "omni_info"])
def test_names_of_an_internal_package(name: str) -> None:
    with pytest.raises(ConfigError, match=f"the interceptor {name} exists in a package of NVIDIA's own alone"):
        create_interceptor(name, {})


Listed = tuple[str, Mapping[str, Any]]
SYSTEM: Listed = ("system_message", {"system_message": "x"})
CACHE: Listed = ("caching", {"cache_dir": "{tmp}/c"})
STATS: Listed = ("response_stats", {})
REASONING: Listed = ("reasoning", {})
ENDPOINT: Listed = ("endpoint", {})


def made_of(listed: list[Listed], folder: Path) -> list[str]:
    return [name_of(one) for one in create_interceptors((name, filled(dict(keys), folder)) for name, keys in listed)]


@pytest.mark.parametrize(
    "listed",
    [
        [SYSTEM, CACHE, ENDPOINT, STATS, REASONING],
        [SYSTEM, CACHE, STATS, ENDPOINT, REASONING],
        [SYSTEM, CACHE, STATS, REASONING, ENDPOINT],
        [SYSTEM, CACHE, STATS, REASONING],
    ],
)
def test_where_endpoint_stands_changes_nothing(tmp_path: Path, listed: list[Listed]) -> None:
    assert made_of(listed, tmp_path) == ["system_message", "caching", "response_stats", "reasoning"]


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ([ENDPOINT, SYSTEM], "endpoint stands before system_message, which acts on requests"),
        ([ENDPOINT, STATS, CACHE], "endpoint stands before caching, which acts on requests"),
        ([ENDPOINT, ENDPOINT], "endpoint stands twice"),
    ],
)
def test_endpoint_before_what_acts_on_requests(tmp_path: Path, listed: list[Listed], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        made_of(listed, tmp_path)


def test_responses_come_back_in_reverse_order_as_nemo_s_do() -> None:
    """Behind an endpoint too: reasoning is taken out before the outer one sees the answer."""

    async def send(request: Request) -> Response:
        return Response(text="<think>a</think>ans")

    seen: list[str] = []

    async def look(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        seen.append(response.text)
        return response

    behind = create_interceptors([ENDPOINT, REASONING])
    request = Request(messages=(Message("user", "?"),))

    async def main() -> Response:
        return await chain([look, *behind], send)(request)

    assert asyncio.run(main()).text == "ans"
    assert seen == ["ans"]


def test_one_name_for_requests_and_responses(caplog: pytest.LogCaptureFixture) -> None:
    async def send(request: Request) -> Response:
        return Response(text="b" * 600)

    made = create_interceptor("logging", {})
    request = Request(messages=(Message("user", "a" * 600),), headers={"Authorization": "Bearer of-mine"})

    async def main() -> None:
        for _ in range(3):
            assert (await chain([made], send)(request)).text == "b" * 600

    with caplog.at_level(logging.INFO, "pytest_nemo_eval.requests"):
        asyncio.run(main())
    text = caplog.text
    assert (text.count("request of"), text.count("response for")) == (3, 3)
    assert "a" * 512 + "… [88 more characters]" in text
    assert "b" * 512 + "… [88 more characters]" in text
    assert "of-mine" not in text


@pytest.mark.parametrize("name", ["request_logging", "response_logging", "logging", "log_tokens"])
def test_a_level_of_one_s_own(caplog: pytest.LogCaptureFixture, name: str) -> None:
    async def send(request: Request) -> Response:
        return Response(text="b")

    async def main() -> None:
        await chain([create_interceptor(name, {"log_level": "ERROR"})], send)(Request(prompt="a"))

    with caplog.at_level(logging.ERROR, "pytest_nemo_eval.requests"):
        asyncio.run(main())
    assert {record.levelname for record in caplog.records} == {"ERROR"}


def test_the_tables_have_every_built_in_that_is_nemo_s() -> None:
    ours = {"rate_limit"}
    others = {"reasoning_replay", "streaming"}
    assert BUILT_IN.keys() - others - ours == {name for name, _ in (*NEW, *OLD)}
