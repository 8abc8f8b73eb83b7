"""A file that holds a chain of interceptors and nothing else."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ..chat import Json
from ..errors import ConfigError
from .adapter_settings import AdapterSettings, InterceptorSettings
from .adapters import interceptors_of
from .check import convert_values
from .document import Document, read_document
from .suite import expand_variables

HOLDS = "interceptors, a list, or the flags of NeMo's adapter_config"


def read_chain_file(path: Path) -> list[tuple[str, InterceptorSettings]]:
    """The interceptors that are enabled, the outermost first, each with the place where it stands.

    The keys are those of ``adapter_config`` in a suite file; ``${NAME}`` is the environment's.

    Raises:
        ConfigError: what is wrong, with file and line.
    """
    document = read_document(path, HOLDS)
    entries = document.values.get("interceptors")
    if isinstance(entries, list):
        document.values["interceptors"] = [{"name": one} if isinstance(one, str) else one for one in entries]
    settings = convert_values(document.values, document, AdapterSettings)
    if settings.post_eval_hooks:
        raise ConfigError(f"{path}: post_eval_hooks get finished Runs, and a proxy makes none: leave them out")
    places = [document.place(("interceptors", index)) for index in range(len(settings.interceptors))]
    try:
        found = interceptors_of(settings)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if not settings.interceptors:
        places = [str(path)] * len(found)
    else:
        places = [place for place, one in zip(places, settings.interceptors, strict=True) if one.enabled]
    return [(place, _expanded(one, document, place)) for place, one in zip(places, found, strict=True)]


def _expanded(one: InterceptorSettings, document: Document, place: str) -> InterceptorSettings:
    return msgspec.structs.replace(one, config=_expand(dict(one.config), place))


def _expand(value: Json, place: str) -> Json:
    if isinstance(value, dict):
        return {key: _expand(inner, place) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expand(inner, place) for inner in value]
    return expand_variables(value, place) if isinstance(value, str) else value
