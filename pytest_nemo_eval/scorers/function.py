"""A function of the user's own as a scorer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from ..errors import ConfigError, ScorerError
from ..samples import Sample
from ..scores import Score


@dataclass(frozen=True)
class FunctionScorer:
    """Calls ``function(sample, reply)``, which gives a Score, a number from 0 to 1, or a bool."""

    name: str
    function: Callable[[Sample, str], Score | float | bool]

    def __call__(self, sample: Sample, reply: str) -> Score:
        ruling = self.function(sample, reply)
        if isinstance(ruling, Score):
            return ruling
        if isinstance(ruling, (bool, int, float)) and 0 <= ruling <= 1:
            return Score(value=float(ruling), answer=reply[:200])
        raise ScorerError(f"the scorer {self.name} gave {ruling!r}, not a Score or a number from 0 to 1")


def load_function(name: str) -> FunctionScorer:
    """The scorer ``MODULE:FUNCTION``.

    Raises:
        ConfigError: it cannot be imported or called.
    """
    module, _, attribute = name.partition(":")
    try:
        function = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"the scorer {name} cannot be imported: {error}") from None
    if not callable(function):
        raise ConfigError(f"the scorer {name} is not a function")
    return FunctionScorer(name, function)
