"""One key with several spellings: NeMo Evaluator's two code lines differ in names."""

from __future__ import annotations

from typing import TypeVar

from ..errors import ConfigError

T = TypeVar("T")


def either(interceptor: str, default: T, **spellings: T | None) -> T:
    """The value of whichever spelling is given, else the default.

    Raises:
        ConfigError: more than one is given.
    """
    given = {name: value for name, value in spellings.items() if value is not None}
    if len(given) > 1:
        raise ConfigError(f"the interceptor {interceptor}: {' and '.join(given)} mean the same: give one of them")
    return next(iter(given.values()), default)
