"""Names to interceptors: built in, by entry point, or by path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import cast

from ..chat import Json
from ..config.loading import find_named, make_named, read_keys
from ..config.registry import ADDED
from ..errors import ConfigError
from .base import Interceptor

BUILT_IN: Mapping[str, str] = {
    "caching": "Caching",
    "consolidate_system": "ConsolidateSystem",
    "drop_params": "DropParams",
    "endpoint": "EndpointMark",
    "finish_reason": "FinishReason",
    "http_pairs_dump": "HttpPairsDump",
    "log_tokens": "LogTokens",
    "logging": "Logging",
    "modify_tools": "ModifyTools",
    "payload_modifier": "PayloadModifier",
    "progress_tracking": "ProgressTracking",
    "raise_client_errors": "RaiseClientErrors",
    "rate_limit": "RateLimit",
    "reasoning": "Reasoning",
    "reasoning_replay": "ReasoningReplay",
    "request_logging": "RequestLogging",
    "response_logging": "ResponseLogging",
    "response_stats": "ResponseStats",
    "streaming": "Streaming",
    "system_message": "SystemMessage",
    "turn_counter": "TurnCounter",
}
"""Name, which is the module's too, to the class in it; its keys are those of ``CLASSConfig``."""
GROUP = "pytest_nemo_eval.interceptors"
"""The entry points of third parties: a class that takes its keys as arguments, or an async function."""

_KIND = "interceptor"
_INTERNAL = "exists in a package of NVIDIA's own alone, for its internal gateways: leave it out"
NOT_HERE: Mapping[str, str] = {"nvcf": _INTERNAL, "omni_info": _INTERNAL}
"""Names of NeMo Evaluator's that are refused, and why."""


def create_interceptor(name: str, config: Mapping[str, Json]) -> Interceptor:
    """The interceptor of that name: built in, an entry point, or ``MODULE:NAME`` of one's own.

    Raises:
        ConfigError: there is none, or its keys are not as it wants them.
    """
    if name in NOT_HERE:
        raise ConfigError(f"the interceptor {name} {NOT_HERE[name]}")
    found = ADDED.load(_KIND, name)
    if found is None and name in BUILT_IN:
        home, kind = import_module(f".{name}", __package__), BUILT_IN[name]
        return cast(Interceptor, getattr(home, kind)(read_keys(_KIND, name, getattr(home, f"{kind}Config"), config)))
    if found is None:
        found = find_named(_KIND, name, GROUP, BUILT_IN)
    return cast(Interceptor, make_named(_KIND, name, found, config))


def create_interceptors(asked: Iterable[tuple[str, Mapping[str, Json]]]) -> list[Interceptor]:
    """Those of one list, by name and keys, the outermost first.

    ``endpoint`` may stand in it, as in NeMo Evaluator's lists: it says nothing that the order does not say already, and
    is left out of the result.

    Raises:
        ConfigError: one cannot be made; ``endpoint`` stands twice, or before what acts on requests.
    """
    made: list[Interceptor] = []
    ended = False
    for name, config in asked:
        interceptor = create_interceptor(name, config)
        if ended and (name in ("endpoint", "caching") or getattr(interceptor, "changes_request", False)):
            what = "stands twice" if name == "endpoint" else f"stands before {name}, which acts on requests"
            raise ConfigError(f"the interceptor endpoint {what}: it is the last one that a request comes to")
        if name == "endpoint":
            ended = True
        else:
            made.append(interceptor)
    return made


def parse_interceptor(text: str) -> tuple[str, dict[str, Json]]:
    """``NAME`` or ``NAME:KEY=VALUE`` of the command line, as a name and its keys.

    A name may be a path, as in ``MODULE:NAME:KEY=VALUE``.

    Raises:
        ConfigError: neither.
    """
    from ..config.document import parse_value

    head, equals, value = text.partition("=")
    if not equals:
        if not text.strip(": "):
            raise ConfigError(f"--interceptor takes NAME, or NAME:KEY=VALUE, not {text!r}")
        return text, {}
    name, colon, key = head.rpartition(":")
    if not (name and colon and key):
        raise ConfigError(f"--interceptor takes NAME, or NAME:KEY=VALUE, not {text!r}")
    return name, {key: parse_value(value)}


def check_order(names: Sequence[str], chain: Sequence[Interceptor]) -> None:
    """Refuse a chain that cannot do what its parts are for.

    Raises:
        ConfigError: something that changes requests stands inside of a cache, which would answer for another request;
            or reasoning_replay inside of reasoning, where answers still hold what it is to replay.
    """
    if "reasoning" in names and "reasoning_replay" in list(names)[list(names).index("reasoning") :]:
        raise ConfigError(
            "the interceptor reasoning_replay stands behind reasoning, and would see no reasoning but in answers' "
            "texts: put reasoning_replay before reasoning"
        )
    cache = next((name for name in names if name == "caching"), None)
    if cache is None:
        return
    for name, interceptor in list(zip(names, chain, strict=True))[names.index(cache) + 1 :]:
        if getattr(interceptor, "changes_request", False):
            raise ConfigError(
                f"the interceptor {name} changes requests and stands behind caching, which would answer for what it "
                f"has not seen: put {name} before caching"
            )
