"""Whether a key shows somewhere."""

from __future__ import annotations

SHORTEST = 8


def parts_shown(key: str, text: str) -> set[str]:
    """The parts of a key, of 8 characters or more, that stand in a text."""
    return {key[at : at + SHORTEST] for at in range(len(key) - SHORTEST + 1) if key[at : at + SHORTEST] in text}
