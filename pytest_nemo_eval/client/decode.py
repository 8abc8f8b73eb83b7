"""A server's JSON to our values."""

from __future__ import annotations

from typing import NamedTuple, TypeVar, cast

import msgspec

from ..chat import Json, Response, Usage, decode_json
from ..errors import EndpointError


class _Part(msgspec.Struct):
    text: str = ""


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: object = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


class _PieceChoice(msgspec.Struct):
    index: int = 0
    delta: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_PieceChoice] | None = None
    usage: _Usage | None = None
    error: object = None


class Piece(NamedTuple):
    """One event of a stream; ``answers`` is False where it holds no part of the answer (usage alone)."""

    answers: bool
    text: str
    reasoning: str | None
    finish_reason: str | None
    usage: Usage | None


T = TypeVar("T")


def decode_response(content: bytes, seconds: float, whole: bool = False) -> Response:
    """The first choice of a chat completion or a completion; ``whole`` keeps all of it as its envelope.

    Raises:
        EndpointError: not JSON, of another shape, or empty without a reason.
    """
    try:
        completion = _decode(content, _Completion)
    except (msgspec.MsgspecError, ValueError) as error:
        raise EndpointError(f"the answer is not a completion ({error}): {_shown(content)}") from None
    if not completion.choices:
        raise EndpointError(f"the answer holds no choices: {_shown(content)}")
    choice = completion.choices[0]
    if choice.message is None and choice.text is None:
        raise EndpointError(f"the answer holds neither a message nor a text: {_shown(content)}")
    message = choice.message or _Message(content=choice.text)
    text, reasoning = _text(message.content), _reasoning(message)
    if not (text or reasoning or choice.finish_reason or message.tool_calls):
        raise EndpointError(f"the answer is empty and has no finish_reason: {_shown(content)}")
    return Response(
        text=text,
        finish_reason=choice.finish_reason,
        reasoning=reasoning,
        usage=_tokens(completion.usage) or Usage(),
        seconds=seconds,
        envelope=_decode(content, dict[str, Json]) if whole else None,
    )


def choice_response(choice: Json, usage: Json) -> Response:
    """One choice of an envelope as a Response, which says what interceptors are shown of it.

    Raises:
        EndpointError: it is of another shape.
    """
    try:
        typed, tokens = msgspec.convert(choice, _Choice), msgspec.convert(usage, _Usage | None)
    except msgspec.ValidationError as error:
        raise EndpointError(f"a choice of the answer is of an unknown shape: {error}") from None
    message = typed.message or _Message(content=typed.text)
    return Response(
        text=_text(message.content),
        finish_reason=typed.finish_reason,
        reasoning=_reasoning(message),
        usage=_tokens(tokens) or Usage(),
    )


def decode_piece(content: bytes) -> Piece:
    """One event of a streamed completion.

    Raises:
        EndpointError: the server tells of an error, or this is no JSON or of another shape.
    """
    try:
        chunk = _decode(content, _Chunk)
    except (msgspec.MsgspecError, ValueError) as error:
        raise EndpointError(f"the stream holds what is no part of a completion ({error}): {_shown(content)}") from None
    if chunk.error is not None or (chunk.choices is None and chunk.usage is None):
        broken = EndpointError(f"the stream broke off with an error: {decode_error(content)}")
        broken.status = _status_in(content)
        raise broken
    choice = next((choice for choice in chunk.choices or () if choice.index == 0), None)
    if choice is None:
        return Piece(False, "", None, None, _tokens(chunk.usage))
    message = choice.delta or _Message(content=choice.text)
    return Piece(True, _text(message.content), _reasoning(message), choice.finish_reason, _tokens(chunk.usage))


def decode_object(content: bytes) -> dict[str, Json]:
    """A JSON object.

    Raises:
        ValueError: not JSON, or something else.
    """
    return _decode(content, dict[str, Json])


def _status_in(content: bytes) -> int | None:
    """The HTTP status that an error in mid-stream names."""
    body = decode_json(content)
    inner = body.get("error", body) if isinstance(body, dict) else None
    code = inner.get("code", inner.get("status")) if isinstance(inner, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else None


def _decode(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.convert(decode_json(content), kind)


def _shown(content: bytes) -> str:
    return repr(content[:200].decode("utf-8", "replace"))


def _tokens(usage: _Usage | None) -> Usage | None:
    return Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else None


def _reasoning(message: _Message) -> str | None:
    """Under either name; a server may have both, and leave one empty."""
    return message.reasoning_content or message.reasoning or message.reasoning_content


def _text(content: str | list[_Part] | None) -> str:
    if isinstance(content, list):
        return "".join(part.text for part in content)
    return content or ""


def decode_error(content: bytes) -> str:
    """A server's own words on why it refused, at most 500 characters."""
    try:
        body = decode_json(content)
    except ValueError:
        return content[:500].decode("utf-8", "replace").strip()
    inner = body.get("error", body) if isinstance(body, dict) else body
    message = inner.get("message", inner.get("detail", inner)) if isinstance(inner, dict) else inner
    return str(message)[:500]


def decode_model_ids(content: bytes) -> list[str]:
    """The ids that ``/v1/models`` lists.

    Raises:
        EndpointError: another shape.
    """
    try:
        body = cast("dict[str, list[dict[str, object]]]", decode_json(content))
        return [str(entry["id"]) for entry in body["data"]]
    except (ValueError, KeyError, TypeError) as error:
        raise EndpointError(f"the answer of /models is not a list of models: {error!r}") from None
