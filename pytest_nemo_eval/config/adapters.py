"""NeMo's flags as a list of interceptors, and one of hooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..chat import Json
from ..errors import ConfigError
from .adapter_settings import AdapterSettings, HookSettings, InterceptorSettings

REPORT = "post_eval_report"
"""The hook that flags ask for."""
_PAYLOAD = (
    "params_to_add",
    "params_to_remove",
    "params_to_rename",
    "headers_to_add",
    "headers_to_remove",
    "headers_to_rename",
)
_Flags = dict[str, Json]


def interceptors_of(adapter: AdapterSettings) -> tuple[InterceptorSettings, ...]:
    """The interceptors that a section asks for, the outermost first, without those that are not enabled.

    Raises:
        ConfigError: flags beside a list, or a flag that needs another one.
    """
    flagged = tuple(_flagged(adapter))
    if adapter.interceptors and flagged:
        raise ConfigError(
            f"adapter_config has a list of interceptors, and flags beside it ({flagged[0].name}): write one of both"
        )
    return tuple(one for one in adapter.interceptors or flagged if one.enabled)


def hooks_of(adapter: AdapterSettings) -> tuple[HookSettings, ...]:
    """The hooks that a section asks for, without those that are not enabled.

    Raises:
        ConfigError: flags beside a list.
    """
    wanted = {"html": adapter.generate_html_report, "json": adapter.include_json or False}
    if adapter.generate_html_report and adapter.include_json is None:
        wanted["json"] = True
    if not any(wanted.values()):
        return tuple(hook for hook in adapter.post_eval_hooks if hook.enabled)
    if adapter.post_eval_hooks:
        raise ConfigError(
            "adapter_config has a list of post_eval_hooks, and flags beside it (generate_html_report, include_json): "
            "write one of both"
        )
    config: _Flags = {"report_types": [name for name, asked in wanted.items() if asked]}
    if adapter.html_report_size is not None:
        config["html_report_size"] = adapter.html_report_size
    return (HookSettings(name=REPORT, config=config),)


def _flagged(adapter: AdapterSettings) -> Iterator[InterceptorSettings]:
    """In the order in which NeMo Evaluator puts them."""
    if _is_asked(adapter.use_system_prompt, adapter.custom_system_prompt):
        if adapter.custom_system_prompt is None:
            raise ConfigError("adapter_config.use_system_prompt needs custom_system_prompt, the text")
        yield _one("system_message", system_message=adapter.custom_system_prompt)
    payload: _Flags = {name: getattr(adapter, name) for name in _PAYLOAD}
    if any(value is not None for value in payload.values()):
        yield _one("payload_modifier", **payload)
    if adapter.use_omni_info:
        yield _one("omni_info")
    if adapter.use_request_logging:
        yield _one("request_logging", max_requests=adapter.max_logged_requests)
    if adapter.use_caching or adapter.save_requests or adapter.save_responses:
        yield _caching(adapter)
    if adapter.use_nvcf:
        yield _one("nvcf")
    yield from _flagged_responses(adapter)


def _flagged_responses(adapter: AdapterSettings) -> Iterator[InterceptorSettings]:
    """Those that look at answers."""
    if adapter.tracking_requests_stats:
        interval = adapter.logging_aggregated_stats_interval
        yield _one("response_stats", logging_aggregated_stats_interval=interval)
    if adapter.use_response_logging:
        yield _one("response_logging", max_responses=adapter.max_logged_responses)
    if adapter.process_reasoning_traces or adapter.use_reasoning:
        yield _one(
            "reasoning",
            start_reasoning_token=adapter.start_reasoning_token,
            end_reasoning_token=adapter.end_reasoning_token,
            include_if_not_finished=adapter.include_if_reasoning_not_finished,
            track_reasoning=adapter.track_reasoning,
        )
    if _is_asked(adapter.use_progress_tracking, adapter.progress_tracking_url):
        yield _one(
            "progress_tracking",
            progress_tracking_url=adapter.progress_tracking_url,
            progress_tracking_interval=adapter.progress_tracking_interval,
            request_method="POST",
        )
    if adapter.use_raise_client_errors:
        yield _one("raise_client_errors")


def _is_asked(flag: bool | None, value: str | None) -> bool:
    """A flag that says no is obeyed, whatever stands beside it; without one, the value asks."""
    return value is not None if flag is None else flag


def _caching(adapter: AdapterSettings) -> InterceptorSettings:
    if adapter.caching_dir is None:
        asked = [name for name in ("use_caching", "save_requests", "save_responses") if getattr(adapter, name)]
        raise ConfigError(f"adapter_config.{asked[0]} needs caching_dir, a folder")
    saves = adapter.use_caching if adapter.save_responses is None else adapter.save_responses
    return _one(
        "caching",
        cache_dir=adapter.caching_dir,
        reuse_cached_responses=adapter.use_caching,
        save_responses=saves,
        save_requests=adapter.save_requests,
        max_saved_responses=adapter.max_saved_responses,
        max_saved_requests=adapter.max_saved_requests,
    )


def _one(name: str, **keys: Json) -> InterceptorSettings:
    config: Mapping[str, Json] = {key: value for key, value in keys.items() if value is not None}
    return InterceptorSettings(name=name, config=config)
