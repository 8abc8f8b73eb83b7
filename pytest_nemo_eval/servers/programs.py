"""The servers by name, and what they have in common as programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from . import ray, triton, triton_front
from .common import Ending, ServerError, end_by_signal, say

PROGRAMS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "triton": triton.main,
    "triton_front": triton_front.main,
    "ray": ray.main,
}


def run(name: str, arguments: Sequence[str]) -> int:
    """Run one until it is told to end; what its user can mend is said in one line."""
    end_by_signal()
    try:
        return PROGRAMS[name](arguments)
    except Ending:
        return 0
    except ServerError as error:
        say(f"fatal: {error}")
        return 1
