"""Names to interceptors: built in, by entry point, or by path."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast

import msgspec

from ..chat import Json
from ..errors import ConfigError
from .base import Config, Interceptor

BUILT_IN: Mapping[str, str] = {
    "caching": "Caching",
    "consolidate_system": "ConsolidateSystem",
    "drop_params": "DropParams",
    "finish_reason": "FinishReason",
    "http_pairs_dump": "HttpPairsDump",
    "log_tokens": "LogTokens",
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


def create_interceptor(name: str, config: Mapping[str, Json]) -> Interceptor:
    """The interceptor of that name: built in, an entry point, or ``MODULE:NAME`` of one's own.

    Raises:
        ConfigError: there is none, or its keys are not as it wants them.
    """
    if name in BUILT_IN:
        home, kind = import_module(f".{name}", __package__), BUILT_IN[name]
        return cast(Interceptor, getattr(home, kind)(_configured(name, getattr(home, f"{kind}Config"), config)))
    found = _own(name) if ":" in name else _entry_point(name)
    return _made(name, found, config)


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


def _configured(name: str, kind: type[Config], config: Mapping[str, Json]) -> Config:
    normalised = getattr(kind, "normalised", None)
    config = normalised(config) if normalised is not None else config
    known = kind.__struct_encode_fields__
    for key in config:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
            raise ConfigError(f"the interceptor {name} has no key {key}; {hint}")
    try:
        return msgspec.convert(config, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the interceptor {name}: {str(error).replace('`', '')}") from None


def _entry_point(name: str) -> Any:
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        known = [*BUILT_IN, *points]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}, and MODULE:NAME"
        raise ConfigError(f"no interceptor is called {name!r}; {hint}")
    try:
        return points[name].load()
    except Exception as error:  # whatever a third party's module raises
        raise ConfigError(f"the interceptor {name} cannot be loaded: {error!r}") from error


def _own(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:  # whatever the user's module raises
        raise ConfigError(
            f"the interceptor {name} cannot be imported: {error!r}; it is MODULE:NAME, importable from here"
        ) from error


def _made(name: str, found: Any, config: Mapping[str, Json]) -> Interceptor:
    """A class is made with its keys; a function takes none."""
    if not callable(found):
        raise ConfigError(f"the interceptor {name} is neither a class nor an async function")
    if not isinstance(found, type):
        if config:
            raise ConfigError(f"the interceptor {name} is a function, and takes no keys: {', '.join(config)}")
        return cast(Interceptor, found)
    try:
        return cast(Interceptor, found(**config))
    except TypeError as error:
        raise ConfigError(f"the interceptor {name} cannot be made: {error}") from None
