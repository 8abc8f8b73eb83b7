"""Reports as execnet can carry them."""

from __future__ import annotations


def plain(value: object) -> object:
    """``value`` out of exactly those types that execnet knows.

    Any other, such as a subclass of float, or half a surrogate pair in a str, would cost the worker and all its
    reports, and the session could end with exit code 0.
    """
    if value is None or type(value) in (bool, int, float, bytes, complex):
        return value
    if isinstance(value, str):
        return str.__str__(value).encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        kind = next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))
        return kind(plain(item) for item in value)
    return plain(str(value))
