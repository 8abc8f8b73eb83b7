"""``adapter_config``: NeMo Evaluator's words for interceptors and hooks, as lists and as flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..chat import Json
from .base import Positive, Settings


class InterceptorSettings(Settings, frozen=True, kw_only=True):
    """One of ``interceptors``; its name alone will do.

    Attributes:
        name: a built-in one, an entry point's, or ``MODULE:NAME`` of your own.
        config: its keys.
        enabled: false leaves it out.
    """

    name: str
    config: Mapping[str, Json] = msgspec.field(default_factory=dict)
    enabled: bool = True


class HookSettings(InterceptorSettings, frozen=True, kw_only=True):
    """One of ``post_eval_hooks``; its name alone will do.

    Attributes:
        name: a built-in one, an entry point's, or ``MODULE:NAME`` of your own.
        config: its keys.
        enabled: false leaves it out.
    """


class AdapterSettings(Settings, frozen=True, kw_only=True):
    """``target.api_endpoint.adapter_config``: a list of interceptors, the outermost first, or NeMo's flags for one.

    Attributes:
        post_eval_hooks: what is done with the Run of each finished benchmark.
        mode: server or client; requests go through the same chain, in this process, with either.
        custom_system_prompt: the text of ``use_system_prompt``; asks for it too, unless that is false.
        use_reasoning: an older word for ``process_reasoning_traces``.
        params_to_add, params_to_remove, params_to_rename: of the request's body.
        headers_to_add, headers_to_remove, headers_to_rename: the same of its headers.
        save_requests, save_responses: into ``caching_dir``; answers are saved where ``use_caching`` is true, too.
        tracking_requests_stats: count replies, tokens and latencies.
        generate_html_report, include_json: a report of the first ``html_report_size`` questions and answers.
        use_omni_info, use_nvcf: refused, as there is nothing of that outside of NVIDIA.
    """

    interceptors: tuple[InterceptorSettings, ...] = ()
    post_eval_hooks: tuple[HookSettings, ...] = ()
    mode: Literal["server", "client"] | None = None
    use_system_prompt: bool | None = None
    custom_system_prompt: str | None = None
    params_to_add: Mapping[str, Json] | None = None
    params_to_remove: tuple[str, ...] | None = None
    params_to_rename: Mapping[str, str] | None = None
    headers_to_add: Mapping[str, str] | None = None
    headers_to_remove: tuple[str, ...] | None = None
    headers_to_rename: Mapping[str, str] | None = None
    use_omni_info: bool = False
    use_request_logging: bool = False
    max_logged_requests: Positive | None = None
    use_caching: bool = False
    caching_dir: str | None = None
    save_requests: bool = False
    save_responses: bool | None = None
    max_saved_requests: Annotated[int, Meta(ge=0)] | None = None
    max_saved_responses: Annotated[int, Meta(ge=0)] | None = None
    use_nvcf: bool = False
    tracking_requests_stats: bool = False
    logging_aggregated_stats_interval: Annotated[int, Meta(ge=0)] | None = None
    use_response_logging: bool = False
    max_logged_responses: Positive | None = None
    process_reasoning_traces: bool = False
    use_reasoning: bool = False
    start_reasoning_token: str | None = None
    end_reasoning_token: str | None = None
    include_if_reasoning_not_finished: bool | None = None
    track_reasoning: bool | None = None
    use_progress_tracking: bool | None = None
    progress_tracking_url: str | None = None
    progress_tracking_interval: Positive | None = None
    use_raise_client_errors: bool = False
    generate_html_report: bool = False
    include_json: bool | None = None
    html_report_size: Positive | None = None
