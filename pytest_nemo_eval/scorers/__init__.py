"""(sample, reply) → Score."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import cast

from ..config.registry import ADDED
from ..errors import ConfigError
from .base import Scorer

SCORERS: Mapping[str, str] = {
    "exact": "exact:EXACT",
    "includes": "exact:INCLUDES",
    "numeric": "numeric:FLEXIBLE",
    "numeric-strict": "numeric:STRICT",
    "numeric-answer-is": "numeric:ANNOUNCED",
    "choice": "choice:ANSWER_IS",
    "choice-answer-line": "choice:ANSWER_LINE",
}
"""Name to ``module:attribute``, the module within this package."""


def create_scorer(name: str) -> Scorer:
    """The scorer of that name, or ``MODULE:FUNCTION`` for a function (sample, reply) -> Score, float or bool.

    Raises:
        ConfigError: no such scorer.
    """
    added = ADDED.path("scorer", name)
    if added is not None:
        from .function import load_function

        return load_function(added)
    if name in SCORERS:
        module, _, attribute = SCORERS[name].partition(":")
        return cast(Scorer, getattr(import_module(f".{module}", __name__), attribute))
    if ":" in name:
        from .function import load_function

        return load_function(name)
    known = [*SCORERS, *ADDED.names("scorer")]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}, and MODULE:FUNCTION"
    raise ConfigError(f"no scorer is called {name!r}; {hint}")


__all__ = ["SCORERS", "Scorer", "create_scorer"]
