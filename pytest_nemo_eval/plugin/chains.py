"""The interceptors that files and the command line ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..chat import Json
from ..config.adapters import interceptors_of
from ..config.options import EvalSettings
from ..config.settings import InterceptorSettings, SuiteSettings
from ..config.suite import settings_of
from ..interceptors import Interceptor, check_order, create_interceptor, parse_interceptor
from .turns import SUITE

TASK_INTERCEPTORS = pytest.StashKey[tuple[InterceptorSettings, ...]]()
"""On an item of a suite file: what its task asks for."""


def declared(
    settings: EvalSettings, suite: SuiteSettings | None, task: tuple[InterceptorSettings, ...] = ()
) -> list[InterceptorSettings]:
    """What a file's target, its task and the command line ask for, the outermost first.

    Raises:
        ConfigError: what cannot be.
    """
    suite = suite if suite is not None else settings_of(settings.overrides)
    adapter = suite.target.api_endpoint.adapter_config if suite.target else None
    found = list(interceptors_of(adapter)) if adapter is not None else []
    return [*found, *(one for one in task if one.enabled), *_of_command_line(settings.interceptors)]


def create_chain(asked: list[InterceptorSettings]) -> list[Interceptor]:
    """Make them.

    Raises:
        ConfigError: one does not exist, its keys are wrong, or it stands in the wrong place.
    """
    chain = [create_interceptor(one.name, one.config) for one in asked]
    check_order([one.name for one in asked], chain)
    return chain


def default_interceptors(item: pytest.Item, settings: EvalSettings) -> list[Interceptor]:
    """The chain of an item for which no fixture of the user's own makes one."""
    return create_chain(declared(settings, item.stash.get(SUITE, None), item.stash.get(TASK_INTERCEPTORS, ())))


def _of_command_line(texts: tuple[str, ...]) -> Iterator[InterceptorSettings]:
    """``reasoning:KEY=VALUE`` several times in a row is one interceptor with several keys."""
    name = ""
    config: dict[str, Json] = {}
    for text in texts:
        new, keys = parse_interceptor(text)
        if name and (new != name or not keys or not config.keys().isdisjoint(keys)):
            yield InterceptorSettings(name=name, config=config)
            config = {}
        name, config = new, {**config, **keys}
    if name:
        yield InterceptorSettings(name=name, config=config)


def close_all(interceptors: list[Interceptor]) -> None:
    """Let those that hold something write it and let go of it."""
    for interceptor in interceptors:
        close = getattr(interceptor, "close", None)
        if callable(close):
            close()
