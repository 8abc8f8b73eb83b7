"""A server's JSON to our values."""

from __future__ import annotations

from typing import cast

import msgspec

from ..chat import Response, Usage, decode_json
from ..errors import EndpointError


class _Part(msgspec.Struct):
    text: str = ""


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


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


_completion = msgspec.json.Decoder(_Completion)


def decode_response(content: bytes, seconds: float) -> Response:
    """The first choice of a chat completion or a completion.

    Raises:
        EndpointError: not JSON, or of another shape.
    """
    try:
        completion = _decode_completion(content)
        choice = completion.choices[0]
    except (msgspec.MsgspecError, ValueError, IndexError) as error:
        shown = content[:200].decode("utf-8", "replace")
        raise EndpointError(f"the answer is not a completion ({error}): {shown!r}") from None
    message = choice.message or _Message(content=choice.text)
    if choice.message is None and choice.text is None:
        raise EndpointError(
            f"the answer holds neither a message nor a text: {content[:200].decode('utf-8', 'replace')!r}"
        )
    usage = completion.usage or _Usage()
    return Response(
        text=_text(message.content),
        finish_reason=choice.finish_reason,
        reasoning=message.reasoning_content if message.reasoning_content is not None else message.reasoning,
        usage=Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0),
        seconds=seconds,
    )


def _decode_completion(content: bytes) -> _Completion:
    try:
        return _completion.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.convert(decode_json(content), _Completion)


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
