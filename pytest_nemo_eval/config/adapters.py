"""NeMo's flags as a list of interceptors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..chat import Json
from ..errors import ConfigError
from .settings import AdapterSettings, InterceptorSettings


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


def _flagged(adapter: AdapterSettings) -> Iterator[InterceptorSettings]:
    """In the order in which NeMo Evaluator puts them."""
    if adapter.use_system_prompt or adapter.custom_system_prompt is not None:
        if adapter.custom_system_prompt is None:
            raise ConfigError("adapter_config.use_system_prompt needs custom_system_prompt, the text")
        yield _one("system_message", system_message=adapter.custom_system_prompt)
    parameters = {name: getattr(adapter, name) for name in ("params_to_add", "params_to_remove", "params_to_rename")}
    if any(value is not None for value in parameters.values()):
        yield _one("payload_modifier", **parameters)
    if adapter.use_request_logging:
        yield _one("request_logging", max_requests=adapter.max_logged_requests)
    if adapter.use_caching:
        if adapter.caching_dir is None:
            raise ConfigError("adapter_config.use_caching needs caching_dir, a folder")
        yield _one("caching", cache_dir=adapter.caching_dir)
    if adapter.tracking_requests_stats:
        yield _one("response_stats")
    if adapter.use_response_logging:
        yield _one("response_logging", max_responses=adapter.max_logged_responses)
    if adapter.process_reasoning_traces or adapter.use_reasoning:
        yield _one(
            "reasoning",
            start_reasoning_token=adapter.start_reasoning_token,
            end_reasoning_token=adapter.end_reasoning_token,
            include_if_not_finished=adapter.include_if_reasoning_not_finished,
        )
    if adapter.use_progress_tracking or adapter.progress_tracking_url is not None:
        yield _one(
            "progress_tracking",
            progress_tracking_url=adapter.progress_tracking_url,
            progress_tracking_interval=adapter.progress_tracking_interval,
        )
    if adapter.use_raise_client_errors:
        yield _one("raise_client_errors")


def _one(name: str, **keys: Json) -> InterceptorSettings:
    config: Mapping[str, Json] = {key: value for key, value in keys.items() if value is not None}
    return InterceptorSettings(name=name, config=config)
