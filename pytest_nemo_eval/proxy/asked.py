"""A client's HTTP request to a Request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

import msgspec

from ..chat import Json, Message, Request
from ..client.decode import decode_object
from ..endpoint import Protocol
from ..errors import RejectedRequestError
from ..interceptors.payload_modifier import HOP_BY_HOP

_SESSION = re.compile(r"/s/([^/?]+)(?=/)")
_ROUTES = {prefix + protocol.path: protocol for prefix in ("", "/v1") for protocol in Protocol}
_OURS = HOP_BY_HOP | {"accept-encoding", "content-encoding", "expect"}
"""Headers of one connection alone, and those of encodings: bodies are sent and given as they are."""


class Target(msgspec.Struct, frozen=True):
    """What a client asks for.

    Attributes:
        session: of a path ``/s/SESSION/...``, else "".
        path: the rest of it.
        query: with its question mark, else "".
    """

    session: str
    path: str
    query: str

    def protocol(self, method: str) -> Protocol | None:
        """Of a request that goes through the chain; None for all others."""
        return _ROUTES.get(self.path) if method == "POST" else None


def read_target(raw_path: str) -> Target:
    """The parts of a request's path."""
    session = _SESSION.match(raw_path)
    path, mark, query = (raw_path[session.end() :] if session else raw_path).partition("?")
    return Target(unquote(session[1]) if session else "", path, mark + query)


def carried(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers that go on, by their names in lower case; of one that comes twice, the values in one list.

    Of several cookies that are set, whose values cannot stand in a list, the last.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        listed = name in found and name != "set-cookie"
        found[name] = f"{found[name]}, {value}" if listed else value
    named = found.get("connection")
    dropped = _OURS if named is None else _OURS | {name.strip().lower() for name in named.split(",")}
    return {name: value for name, value in found.items() if name not in dropped}


def read_request(content: bytes, protocol: Protocol, headers: Mapping[str, str], target: Target) -> Request:
    """A body as a Request. A prompt that is no text (several, or tokens) stands among the parameters.

    Raises:
        RejectedRequestError: it is no JSON object, or one without messages or a prompt.
    """
    try:
        body = decode_object(content)
    except (ValueError, msgspec.MsgspecError) as error:
        raise RejectedRequestError(f"the body of the request is not a JSON object: {error}") from None
    if protocol is Protocol.CHAT:
        messages = tuple(_message(one) for one in _list(body.pop("messages", None)))
        return Request(messages=messages, parameters=body, headers=headers, sample_id=target.session)
    prompt = body.pop("prompt", None)
    if not isinstance(prompt, (str, list)):
        raise RejectedRequestError("the body of the request has no prompt: a text, or a list")
    if isinstance(prompt, list):
        body["prompt"] = prompt
    text = prompt if isinstance(prompt, str) else ""
    return Request(prompt=text, parameters=body, headers=headers, sample_id=target.session)


def _list(messages: Json) -> list[Json]:
    if not isinstance(messages, list):
        raise RejectedRequestError("the body of the request has no messages: a list of objects with a role")
    return messages


def _message(one: Json) -> Message:
    content = one.get("content") if isinstance(one, dict) else None
    if not (
        isinstance(one, dict)
        and isinstance(role := one.get("role"), str)
        and (content is None or isinstance(content, (str, list)))
    ):
        raise RejectedRequestError(
            "one of the messages is no object with a role and a content (a text, a list of parts, or null)"
        )
    return Message(role, content, {key: value for key, value in one.items() if key not in ("role", "content")})
