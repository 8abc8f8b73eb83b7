"""The interceptors and hooks that files and the command line ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..chat import Json
from ..config.adapter_settings import AdapterSettings, InterceptorSettings
from ..config.adapters import hooks_of, interceptors_of
from ..config.options import EvalSettings
from ..config.settings import SuiteSettings
from ..config.suite import settings_of
from ..errors import InterceptorError
from ..interceptors import Interceptor, check_order, create_interceptors, name_of, parse_interceptor
from ..report import Hook, create_hook
from .turns import SUITE

TASK_INTERCEPTORS = pytest.StashKey[tuple[InterceptorSettings, ...]]()
"""On an item of a suite file: what its task asks for."""


def declared(
    settings: EvalSettings, suite: SuiteSettings | None, task: tuple[InterceptorSettings, ...] = ()
) -> list[list[InterceptorSettings]]:
    """What a file's target, its task and the command line ask for: three lists, each with its outermost first.

    Raises:
        ConfigError: what cannot be.
    """
    adapter = adapter_of(settings, suite)
    found = list(interceptors_of(adapter)) if adapter is not None else []
    return [found, [one for one in task if one.enabled], list(_of_command_line(settings.interceptors))]


def adapter_of(settings: EvalSettings, suite: SuiteSettings | None) -> AdapterSettings | None:
    """The ``adapter_config`` of a file, or without one of the command line.

    Raises:
        ConfigError: an override that no file could hold.
    """
    suite = suite if suite is not None else settings_of(settings.overrides)
    return suite.target.api_endpoint.adapter_config if suite.target else None


def create_chain(asked: list[list[InterceptorSettings]]) -> list[Interceptor]:
    """Make them: one chain of all lists, the first one's outermost.

    Raises:
        ConfigError: one does not exist, its keys are wrong, or it stands in the wrong place.
    """
    chain = [made for one in asked for made in create_interceptors((entry.name, entry.config) for entry in one)]
    check_order([name_of(one) for one in chain], chain)
    return chain


def default_interceptors(item: pytest.Item, settings: EvalSettings) -> list[Interceptor]:
    """The chain of an item for which no fixture of the user's own makes one."""
    return create_chain(declared(settings, item.stash.get(SUITE, None), item.stash.get(TASK_INTERCEPTORS, ())))


def default_hooks(settings: EvalSettings, suite: SuiteSettings | None) -> list[tuple[str, Hook]]:
    """What a file, or the command line, asks to be done with finished Runs, by name.

    Raises:
        ConfigError: one does not exist, or its keys are wrong.
    """
    adapter = adapter_of(settings, suite)
    asked = hooks_of(adapter) if adapter is not None else ()
    return [(hook.name, create_hook(hook.name, hook.config)) for hook in asked]


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
    """Let those that hold something write it and let go of it, each of them also after another one failed.

    Raises:
        InterceptorError: the first one that could not be closed, by its name.
    """
    failed: InterceptorError | None = None
    for interceptor in interceptors:
        close = getattr(interceptor, "close", None)
        try:
            if callable(close):
                close()
        except Exception as error:  # the user's code
            words = f"the interceptor {name_of(interceptor)} could not be closed: {error!r}"
            failed = failed or InterceptorError(words).with_traceback(error.__traceback__)
    if failed is not None:
        raise failed
