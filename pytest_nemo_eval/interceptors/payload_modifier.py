"""Takes parameters and headers out of requests, renames them, and adds others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeVar

from ..chat import Json, Request, Response
from ..errors import ConfigError
from .base import CallNext, Config, Plain

NO_PARAMETERS = ("model", "messages", "prompt")
HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    }
)
T = TypeVar("T")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class PayloadModifierConfig(Config, frozen=True, kw_only=True):
    """What is done first stands first. Parameters are all of the body but model, messages and prompt.

    Attributes:
        params_to_remove: keys that are taken out of the parameters, wherever they are nested.
        params_to_rename: old key to new key, wherever they are nested.
        params_to_add: what stands at the top level then, whatever stood there.
        headers_to_remove: names of headers, in any case.
        headers_to_rename: old name to new name.
        headers_to_add: name to value.
    """

    params_to_remove: tuple[str, ...] | None = None
    params_to_rename: dict[str, str] | None = None
    params_to_add: dict[str, Json] | None = None
    headers_to_remove: tuple[str, ...] | None = None
    headers_to_rename: dict[str, str] | None = None
    headers_to_add: dict[str, str] | None = None


class PayloadModifier(Plain):
    """
    Raises:
        ConfigError: a rule that names what is no parameter, a header that belongs to the connection, or two rules that
            contradict each other.
    """

    name: ClassVar[str] = "payload_modifier"
    changes_request: ClassVar[bool] = True

    def __init__(self, config: PayloadModifierConfig) -> None:
        self._remove = frozenset(config.params_to_remove or ())
        self._rename = dict(config.params_to_rename or {})
        self._add = dict(config.params_to_add or {})
        self._headers_remove = frozenset(_lower(config.headers_to_remove or ()))
        new_names = _lower_keys("headers_to_rename", config.headers_to_rename or {})
        self._headers_rename = {old: new.lower() for old, new in new_names.items()}
        self._headers_add = _lower_keys("headers_to_add", config.headers_to_add or {})
        self._check()

    def _check(self) -> None:
        refuse_texts("payload_modifier.params_to_remove", self._remove)
        refuse_texts("payload_modifier.params_to_rename", (*self._rename, *self._rename.values()))
        refuse_texts("payload_modifier.params_to_add", self._add)
        _refuse_one_target("params_to_rename", self._rename.values())
        _refuse_one_target("headers_to_rename", self._headers_rename.values())
        for name in self._headers_rename.values():
            _check_header_name("payload_modifier.headers_to_rename", name)
        for name, value in self._headers_add.items():
            _check_header_name("payload_modifier.headers_to_add", name)
            if not value.replace("\t", " ").isprintable():
                raise ConfigError(f"payload_modifier.headers_to_add: the value of {name!r} holds a control character")

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        parameters = {**self._kept(request.parameters), **{key: _copied(value) for key, value in self._add.items()}}
        return await call_next(request.replace(parameters=parameters, headers=self._headers(request.headers)))

    def _kept(self, values: Mapping[str, Json]) -> dict[str, Json]:
        """Without what is removed, the rest renamed; a renamed value wins over one that has its new name already."""
        left = {key: self._inside(value) for key, value in values.items() if key not in self._remove}
        return renamed(left, self._rename) if self._rename else left

    def _inside(self, value: Json) -> Json:
        if isinstance(value, dict):
            return self._kept(value)
        if isinstance(value, list):
            return [self._inside(part) for part in value]
        return value

    def _headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        if not (self._headers_remove or self._headers_rename or self._headers_add):
            return headers
        lower = {name.lower(): value for name, value in headers.items()}
        left = {name: value for name, value in lower.items() if name not in self._headers_remove}
        return {**renamed(left, self._headers_rename), **self._headers_add}


def renamed(values: Mapping[str, T], names: Mapping[str, str]) -> dict[str, T]:
    """All at once, so that two keys can change places."""
    taken = {new for old, new in names.items() if old in values}
    return {names.get(key, key): value for key, value in values.items() if key in names or key not in taken}


def refuse_texts(rule: str, names: Iterable[str]) -> None:
    """
    Raises:
        ConfigError: one of the names is no parameter.
    """
    for name in names:
        if name in NO_PARAMETERS:
            raise ConfigError(
                f"{rule} names {name!r}, which is no parameter: --model-id sets the model, "
                "a benchmark's prompt and system_message set the texts"
            )


def _copied(value: Json) -> Json:
    """Nobody that gets a request shall be able to change this interceptor."""
    if isinstance(value, dict):
        return {key: _copied(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_copied(part) for part in value]
    return value


def _lower(names: Iterable[str]) -> list[str]:
    return [name.lower() for name in names]


def _lower_keys(rule: str, values: Mapping[str, str]) -> dict[str, str]:
    lower = {name.lower(): value for name, value in values.items()}
    if len(lower) < len(values):
        raise ConfigError(f"payload_modifier.{rule} names a header twice, in upper and lower case")
    return lower


def _refuse_one_target(rule: str, targets: Iterable[str]) -> None:
    names = list(targets)
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"payload_modifier.{rule} renames two to {name!r}: which one counts?")


def _check_header_name(rule: str, name: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise ConfigError(f"{rule}: {name!r} is no name of a header")
    if name in HOP_BY_HOP:
        raise ConfigError(f"{rule}: {name!r} belongs to the connection and is set by whoever sends: leave it out")
