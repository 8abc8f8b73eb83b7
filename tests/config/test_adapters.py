"""Every flag of NeMo Evaluator's AdapterConfig: what it does here, or why it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_nemo_eval.config.adapter_settings import AdapterSettings
from pytest_nemo_eval.config.adapters import hooks_of, interceptors_of
from pytest_nemo_eval.config.suite import read_suite, settings_of
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.interceptors import create_interceptor

Flags = dict[str, Any]
CACHE: Flags = {"use_caching": True, "caching_dir": "/c"}
CACHED: Flags = {
    "cache_dir": "/c",
    "reuse_cached_responses": True,
    "save_responses": True,
    "save_requests": False,
}
SAVED: Flags = {"save_requests": True, "max_saved_requests": 3}
POST = {"request_method": "POST"}
URL = {"progress_tracking_url": "http://localhost:8000"}
HTML, JSON = {"report_types": ["html"]}, {"report_types": ["json"]}
BOTH = {"report_types": ["html", "json"]}


def adapter(flags: Flags) -> AdapterSettings:
    return msgspec.convert(flags, AdapterSettings)


HONOURED: list[tuple[Flags, str, Flags]] = [
    ({"use_system_prompt": True, "custom_system_prompt": "x"}, "system_message", {"system_message": "x"}),
    ({"custom_system_prompt": "x"}, "system_message", {"system_message": "x"}),
    ({"params_to_add": {"a": 1}}, "payload_modifier", {"params_to_add": {"a": 1}}),
    ({"params_to_remove": ["a"]}, "payload_modifier", {"params_to_remove": ("a",)}),
    ({"params_to_rename": {"a": "b"}}, "payload_modifier", {"params_to_rename": {"a": "b"}}),
    ({"headers_to_add": {"x-a": "1"}}, "payload_modifier", {"headers_to_add": {"x-a": "1"}}),
    ({"headers_to_remove": ["x-a"]}, "payload_modifier", {"headers_to_remove": ("x-a",)}),
    ({"headers_to_rename": {"x-a": "x-b"}}, "payload_modifier", {"headers_to_rename": {"x-a": "x-b"}}),
    ({"use_request_logging": True}, "request_logging", {}),
    ({"use_request_logging": True, "max_logged_requests": 7}, "request_logging", {"max_requests": 7}),
    ({"use_response_logging": True}, "response_logging", {}),
    ({"use_response_logging": True, "max_logged_responses": 7}, "response_logging", {"max_responses": 7}),
    (CACHE, "caching", CACHED),
    (
        CACHE | {"save_requests": True, "max_saved_requests": 3},
        "caching",
        CACHED | {"save_requests": True, "max_saved_requests": 3},
    ),
    (CACHE | {"max_saved_responses": 3}, "caching", CACHED | {"max_saved_responses": 3}),
    (CACHE | {"save_responses": False}, "caching", CACHED | {"save_responses": False}),
    ({"save_responses": True, "caching_dir": "/c"}, "caching", CACHED | {"reuse_cached_responses": False}),
    (
        {"save_requests": True, "caching_dir": "/c"},
        "caching",
        CACHED | {"reuse_cached_responses": False, "save_responses": False, "save_requests": True},
    ),
    ({"tracking_requests_stats": True}, "response_stats", {}),
    (
        {"tracking_requests_stats": True, "logging_aggregated_stats_interval": 5},
        "response_stats",
        {"logging_aggregated_stats_interval": 5},
    ),
    ({"process_reasoning_traces": True}, "reasoning", {}),
    ({"use_reasoning": True}, "reasoning", {}),
    ({"use_reasoning": True, "start_reasoning_token": "<a>"}, "reasoning", {"start_reasoning_token": "<a>"}),
    ({"use_reasoning": True, "end_reasoning_token": "<b>"}, "reasoning", {"end_reasoning_token": "<b>"}),
    (
        {"use_reasoning": True, "include_if_reasoning_not_finished": False},
        "reasoning",
        {"include_if_not_finished": False},
    ),
    ({"use_reasoning": True, "track_reasoning": False}, "reasoning", {"track_reasoning": False}),
    ({"use_progress_tracking": True, **URL}, "progress_tracking", URL | POST),
    (URL | {"progress_tracking_interval": 5}, "progress_tracking", URL | POST | {"progress_tracking_interval": 5}),
    ({"use_raise_client_errors": True}, "raise_client_errors", {}),
]


@pytest.mark.parametrize(("flags", "name", "config"), HONOURED)
def test_flags_that_are_honoured(flags: Flags, name: str, config: Flags) -> None:
    (one,) = interceptors_of(adapter(flags))
    assert (one.name, one.config) == (name, config)
    create_interceptor(one.name, one.config)


HOOKS: list[tuple[Flags, Flags]] = [
    ({"generate_html_report": True}, BOTH),
    ({"generate_html_report": True, "include_json": False}, HTML),
    ({"include_json": True}, JSON),
    ({"generate_html_report": True, "html_report_size": 9}, BOTH | {"html_report_size": 9}),
]


@pytest.mark.parametrize(("flags", "config"), HOOKS)
def test_flags_of_hooks(flags: Flags, config: Flags) -> None:
    (hook,) = hooks_of(adapter(flags))
    assert (hook.name, hook.config) == ("post_eval_report", config)
    assert interceptors_of(adapter(flags)) == ()


OFF: list[Flags] = [
    {},
    {"mode": "server"},
    {"mode": "client"},
    {"use_omni_info": False, "use_nvcf": False, "use_caching": False, "save_requests": False, "save_responses": False},
    {"generate_html_report": False, "include_json": False, "tracking_requests_stats": False},
    {"max_logged_requests": 1, "max_saved_requests": 1, "html_report_size": 1, "caching_dir": "/c"},
    {"use_system_prompt": False, "custom_system_prompt": "x"},
    {"use_progress_tracking": False, **URL},
    {"interceptors": [{"name": "reasoning", "enabled": False}], "post_eval_hooks": [{"name": "x", "enabled": False}]},
]


@pytest.mark.parametrize("flags", OFF)
def test_flags_that_ask_for_nothing(flags: Flags) -> None:
    assert (interceptors_of(adapter(flags)), hooks_of(adapter(flags))) == ((), ())


REFUSED: list[tuple[Flags, str]] = [
    ({"use_omni_info": True}, "omni_info exists in a package of NVIDIA's own alone"),
    ({"use_nvcf": True}, "nvcf exists in a package of NVIDIA's own alone"),
    ({"use_system_prompt": True}, "needs custom_system_prompt"),
    ({"use_caching": True}, "use_caching needs caching_dir"),
    ({"save_requests": True}, "save_requests needs caching_dir"),
    ({"use_progress_tracking": True}, "progress_tracking_url is where"),
    ({"use_reasoning": True, "interceptors": [{"name": "reasoning"}]}, "write one of both"),
    ({"include_json": True, "post_eval_hooks": [{"name": "post_eval_report"}]}, "write one of both"),
]


@pytest.mark.parametrize(("flags", "words"), REFUSED)
def test_flags_that_are_refused_with_the_reason(flags: Flags, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_all(adapter(flags))


def make_all(settings: AdapterSettings) -> None:
    hooks_of(settings)
    for one in interceptors_of(settings):
        create_interceptor(one.name, one.config)


ELSEWHERE = {
    "endpoint_type": "target.api_endpoint.type",
    "discovery": "MODULE:NAME",
    "log_failed_requests": "response_logging",
    "extra_body": "params_to_add",
    "extra_headers": "headers_to_add",
    "request_timeout": "params.request_timeout",
    "max_retries": "params.max_retries",
    "retry_on_status": "every 5xx",
    "max_concurrent_upstream": "params.parallelism",
    "model_traffic": "http_pairs_dump",
    "finish_reason_fixup": "finish_reason",
    "verbose": "logging",
}


@pytest.mark.parametrize("key", ELSEWHERE)
def test_keys_that_have_another_place_here_say_so(tmp_path: Path, key: str) -> None:
    path = tmp_path / "eval_it.yaml"
    path.write_text(f"target:\n  api_endpoint:\n    adapter_config:\n      {key}: 1\nevaluation: {{tasks: [gsm8k]}}\n")
    with pytest.raises(ConfigError, match=rf"eval_it.yaml:4: unknown key .*{key}; here it is: .*{ELSEWHERE[key]}"):
        read_suite(path)


def test_every_key_is_in_one_of_the_tables() -> None:
    """NeMo's, as its AdapterConfig lists them; and there is none here that no table has."""
    tables = [*(flags for flags, *_ in (*HONOURED, *HOOKS, *REFUSED)), *OFF]
    tried = {key for flags in tables for key in flags}
    assert set(AdapterSettings.__struct_fields__) == tried
    nemo = """
        mode discovery interceptors post_eval_hooks endpoint_type log_failed_requests use_caching save_requests
        save_responses use_system_prompt custom_system_prompt use_request_logging use_response_logging
        process_reasoning_traces use_reasoning use_progress_tracking use_raise_client_errors use_omni_info use_nvcf
        include_json generate_html_report html_report_size tracking_requests_stats caching_dir params_to_add
        params_to_remove params_to_rename headers_to_add headers_to_remove headers_to_rename max_logged_requests
        max_logged_responses max_saved_requests max_saved_responses start_reasoning_token end_reasoning_token
        include_if_reasoning_not_finished track_reasoning progress_tracking_url progress_tracking_interval
        logging_aggregated_stats_interval
    """
    assert set(nemo.split()) <= tried | ELSEWHERE.keys()


def test_the_order_of_flags_is_nemo_s() -> None:
    flags = {key: value for flags, *_ in HONOURED for key, value in flags.items()} | {"save_responses": True}
    assert [one.name for one in interceptors_of(adapter(flags))] == [
        "system_message",
        "payload_modifier",
        "request_logging",
        "caching",
        "response_stats",
        "response_logging",
        "reasoning",
        "progress_tracking",
        "raise_client_errors",
    ]


def test_names_alone_will_do(tmp_path: Path) -> None:
    path = tmp_path / "eval_it.yaml"
    lists = "{interceptors: [reasoning, endpoint], post_eval_hooks: [post_eval_report]}"
    path.write_text(f"target: {{api_endpoint: {{adapter_config: {lists}}}}}\nevaluation: {{tasks: [gsm8k]}}\n")
    suite, _ = read_suite(path)
    assert suite.target is not None
    found = suite.target.api_endpoint.adapter_config
    assert found is not None
    assert [one.name for one in interceptors_of(found)] == ["reasoning", "endpoint"]
    assert [one.name for one in hooks_of(found)] == ["post_eval_report"]


@pytest.mark.parametrize("value", ["generate_html_report=true", "post_eval_hooks=[post_eval_report]"])
def test_hooks_on_the_command_line(value: str) -> None:
    settings = settings_of([f"target.api_endpoint.adapter_config.{value}"])
    assert settings.target is not None
    found = settings.target.api_endpoint.adapter_config
    assert found is not None
    assert [one.name for one in hooks_of(found)] == ["post_eval_report"]
