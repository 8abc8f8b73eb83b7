"""What is done with the Run of a finished benchmark: ``hook(run_folder)``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ..chat import Json
from ..config.loading import find_named, make_named, read_keys
from ..config.registry import ADDED
from ..errors import ConfigError, EvalError

Hook = Callable[[Path], None]
"""Gets the folder of a Run whose record and samples are written; ``read_run`` reads them."""

BUILT_IN: Mapping[str, tuple[str, str]] = {
    "post_eval_report": ("pairs", "PairsReport"),
    "post_evaluation_report": ("pairs", "PairsReport"),
}
"""Name to module and class; its keys are those of ``CLASSConfig``."""
GROUP = "pytest_nemo_eval.post_eval_hooks"
"""The entry points of third parties: a class that takes its keys as arguments, or a function."""

_KIND = "post-evaluation hook"


def create_hook(name: str, config: Mapping[str, Json]) -> Hook:
    """The hook of that name: built in, an entry point, or ``MODULE:NAME`` of one's own.

    Raises:
        ConfigError: there is none, its keys are not as it wants them, or it cannot be called.
    """
    found = ADDED.load("post_eval_hook", name)
    if found is None and name in BUILT_IN:
        module, kind = BUILT_IN[name]
        home: Any = import_module(f".{module}", __package__)
        hook: Hook = getattr(home, kind)(read_keys(_KIND, name, getattr(home, f"{kind}Config"), config))
        return hook
    if found is None:
        found = find_named(_KIND, name, GROUP, BUILT_IN)
    made = make_named(_KIND, name, found, config)
    called = made if inspect.isroutine(made) else getattr(made, "__call__", None)  # noqa: B004  # may be a coroutine function
    if called is None or inspect.iscoroutinefunction(called):
        raise ConfigError(f"the {_KIND} {name} is called as hook(run_folder), and must be no async function")
    return made  # type: ignore[no-any-return]  # what it takes shows when it is called


def run_hooks(hooks: Iterable[tuple[str, Hook]], folder: Path) -> EvalError | None:
    """Call each with the folder of a Run, also after another one failed.

    Returns:
        What went wrong, by the hooks' names.
    """
    problems = []
    for name, hook in hooks:
        try:
            hook(folder)
        except EvalError as error:
            problems.append(f"the {_KIND} {name}: {error}")
        except Exception as error:  # the user's code
            problems.append(f"the {_KIND} {name} raised {error!r}")
    if not problems:
        return None
    return EvalError("; ".join([*problems, f"the benchmark was finished, and its Run is whole: {folder}"]))
