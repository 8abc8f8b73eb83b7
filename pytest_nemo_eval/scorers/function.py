"""A function of the user's own as a scorer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from ..errors import ConfigError, EvalError, ScorerError
from ..samples import Sample
from ..scores import Score

_SHOWN = 200


@dataclass(frozen=True)
class FunctionScorer:
    """Calls ``function(sample, reply)``, which gives a Score, a number from 0 to 1, or a bool."""

    name: str
    function: Callable[[Sample, str], Score | float | bool]

    def __call__(self, sample: Sample, reply: str) -> Score:
        """What the function says.

        Raises:
            ScorerError: it raised, or gave something else.
        """
        try:
            ruling = self.function(sample, reply)
        except EvalError:
            raise
        except Exception as error:
            raise ScorerError(f"the scorer {self.name} raised {error!r} on sample {sample.id}") from error
        value = ruling.value if isinstance(ruling, Score) else ruling
        if not isinstance(value, (bool, int, float)) or not 0 <= value <= 1:
            raise ScorerError(f"the scorer {self.name} gave {ruling!r}, not a Score, number or bool from 0 to 1")
        return ruling if isinstance(ruling, Score) else Score(value=float(value), answer=reply[:_SHOWN])


def load_function(name: str) -> FunctionScorer:
    """The scorer ``MODULE:FUNCTION``.

    Raises:
        ConfigError: it cannot be imported or called.
    """
    module, _, attribute = name.partition(":")
    try:
        function = getattr(import_module(module), attribute)
    except Exception as error:  # whatever the user's module raises
        raise ConfigError(
            f"the scorer {name} cannot be imported: {error!r}; it is MODULE:FUNCTION, importable from here"
        ) from error
    if not callable(function):
        raise ConfigError(f"the scorer {name} is not a function")
    return FunctionScorer(name, function)
