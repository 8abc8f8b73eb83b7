"""Requests and responses as they may be shown: without keys, without media, and not longer than asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ..chat import Json, Request, Response, tool_calls
from ..endpoint import SECRET_HEADERS

HIDDEN = "[key]"
DEEPEST = 50
"""Levels of nesting that are shown: Python's own limit shall fail no request for the sake of a log."""

_KEY_LIKE = re.compile(
    r"authorization|cookie|api[-_]?key|secret|passw|credential|(auth|access|bearer|session|csrf)[-_]?token|[-_](key|token)$",
    re.IGNORECASE,
)
_KEY = re.compile(r"\b(?:(bearer|basic) +[\w.~+/=-]{16,}|(?:nvapi|sk|hf|ghp|glpat)[-_][\w-]{16,})", re.IGNORECASE)
_MEDIA = re.compile(r"(data:[\w.+-]+/[\w.+-]+(?:;[\w=.+-]+)*;base64,)([A-Za-z0-9+/=_-]{64,})")


def show_text(text: str, most: int | None = None) -> str:
    """``text`` without keys and base64, and at most so many characters of it."""
    text = _MEDIA.sub(lambda found: f"{found[1]}[{len(found[2])} characters]", text)
    text = _KEY.sub(lambda found: f"{found[1]} {HIDDEN}" if found[1] else HIDDEN, text)
    if most is None or len(text) <= most:
        return text
    return f"{text[:most]}… [{len(text) - most} more characters]"


def show_headers(headers: Mapping[str, str]) -> dict[str, Json]:
    """Headers; of those that hold keys, only the names."""
    return {name: HIDDEN if _holds_key(name) else show_text(value, 200) for name, value in headers.items()}


def show_body(request: Request, most: int | None = None) -> dict[str, Json]:
    """The body of a request, each of its texts shown as ``show_text`` does."""
    body = request.body("")
    if not body["model"]:
        del body["model"]
    return {name: _show(name, value, most) for name, value in body.items()}


def show_response(response: Response, most: int | None = None) -> dict[str, Json]:
    """A response without what it does not say, each of its texts shown as ``show_text`` does."""
    told: dict[str, Json] = msgspec.to_builtins(response.replace(envelope=None))
    calls = tool_calls(response)
    if calls:
        told["tool_calls"] = calls
    return {name: _show("", value, most) for name, value in told.items()}


def show_error(error: BaseException, most: int | None = None) -> dict[str, Json]:
    """What went wrong, by kind and in words."""
    return {"error": type(error).__name__, "message": show_text(str(error), most)}


def _holds_key(name: str) -> bool:
    return name.lower() in SECRET_HEADERS or _KEY_LIKE.search(name) is not None


def _show(name: str, value: Json, most: int | None, levels: int = DEEPEST) -> Json:
    if isinstance(value, str):
        return HIDDEN if name and _holds_key(name) else show_text(value, most)
    if not levels and isinstance(value, (Mapping, list, tuple)):
        return "[deeper]"
    if isinstance(value, Mapping):
        return {inner: _show(inner, deeper, most, levels - 1) for inner, deeper in value.items()}
    if isinstance(value, (list, tuple)):
        return [_show(name, deeper, most, levels - 1) for deeper in value]
    return value
