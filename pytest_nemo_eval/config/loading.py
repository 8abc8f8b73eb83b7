"""Names to what they are of: entry points of third parties, ``MODULE:NAME`` of one's own, keys to typed settings."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, TypeVar

import msgspec

from ..chat import Json
from ..errors import ConfigError

Keys = TypeVar("Keys", bound=msgspec.Struct)


def find_named(what: str, name: str, group: str, built_in: Iterable[str]) -> Any:
    """What an entry point of ``group``, or a path, names.

    Args:
        what: it is, for errors: ``interceptor``.
        built_in: names that exist besides.

    Raises:
        ConfigError: there is none, or it cannot be imported.
    """
    return _own(what, name) if ":" in name else _entry_point(what, name, group, built_in)


def make_named(what: str, name: str, found: Any, config: Mapping[str, Json]) -> Any:
    """A class is made with its keys; a function takes none.

    Raises:
        ConfigError: it is neither, or does not take these keys.
    """
    if not callable(found):
        raise ConfigError(f"the {what} {name} is neither a class nor a function")
    if not isinstance(found, type):
        if config:
            raise ConfigError(f"the {what} {name} is a function, and takes no keys: {', '.join(config)}")
        return found
    try:
        return found(**config)
    except TypeError as error:
        raise ConfigError(f"the {what} {name} cannot be made: {error}") from None


def read_keys(what: str, name: str, kind: type[Keys], config: Mapping[str, Json]) -> Keys:
    """Keys as typed settings.

    ``kind`` may have ``normalised``, a function from keys as they are spelled elsewhere to its own, and ``NOT_HERE``:
    keys of NeMo Evaluator's that it refuses, with the reason.

    Raises:
        ConfigError: an unknown key, or a value of the wrong kind.
    """
    normalised = getattr(kind, "normalised", None)
    config = normalised(config) if normalised is not None else config
    known, elsewhere = kind.__struct_encode_fields__, getattr(kind, "NOT_HERE", {})
    for key in config:
        if key in elsewhere:
            raise ConfigError(f"the {what} {name} does not take {key}: {elsewhere[key]}")
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
            raise ConfigError(f"the {what} {name} has no key {key}; {hint}")
    try:
        return msgspec.convert(config, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the {what} {name}: {str(error).replace('`', '')}") from None


def _entry_point(what: str, name: str, group: str, built_in: Iterable[str]) -> Any:
    points = {point.name: point for point in entry_points(group=group)}
    if name not in points:
        known = [*built_in, *points]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}, and MODULE:NAME"
        raise ConfigError(f"no {what} is called {name!r}; {hint}")
    try:
        return points[name].load()
    except Exception as error:  # whatever a third party's module raises
        raise ConfigError(f"the {what} {name} cannot be loaded: {error!r}") from error


def _own(what: str, name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:  # whatever the user's module raises
        raise ConfigError(
            f"the {what} {name} cannot be imported: {error!r}; it is MODULE:NAME, importable from here"
        ) from error
