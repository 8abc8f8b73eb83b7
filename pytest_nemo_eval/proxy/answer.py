"""A Response as the OpenAI API's JSON or stream of events."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Iterator

import msgspec

from ..chat import Json, Request, Response
from ..client.decode import choice_response
from ..endpoint import Protocol
from ..errors import EndpointError, EvalError, InterceptorError, RejectedRequestError, SpentError

Further = Callable[[Response], Awaitable[Response]]
"""What interceptors make of a further choice."""


async def envelope_of(response: Response, request: Request, further: Further) -> dict[str, Json]:
    """The server's JSON, with what interceptors changed of it; JSON of our own where no server answered."""
    envelope = response.envelope
    choices = envelope.get("choices") if envelope is not None else None
    if envelope is None or not isinstance(choices, list) or not choices:
        return _made(response, request)
    usage = envelope.get("usage")
    before = choice_response(choices[0], usage)
    patched = [_patched(choices[0], before, response)]
    for choice in choices[1:]:
        one = choice_response(choice, usage)
        patched.append(_patched(choice, one, await further(one)))
    tokens = {} if before.usage == response.usage else {"usage": _usage(response, usage)}
    return {**envelope, "choices": patched, **tokens}


def _patched(choice: Json, before: Response, after: Response) -> Json:
    """A choice with what is not as it was."""
    if not isinstance(choice, dict):
        return choice
    message = choice.get("message")
    inner = dict(message) if isinstance(message, dict) else dict(choice)
    if after.text != before.text:
        inner["content" if isinstance(message, dict) else "text"] = after.text
    if after.reasoning != before.reasoning:
        inner.pop("reasoning", None)
        inner.pop("reasoning_content", None)
        if after.reasoning is not None:
            inner["reasoning_content"] = after.reasoning
    changed = {**choice, "message": inner} if isinstance(message, dict) else inner
    if after.finish_reason != before.finish_reason:
        changed["finish_reason"] = after.finish_reason
    return changed


def _made(response: Response, request: Request) -> dict[str, Json]:
    chat = request.protocol is Protocol.CHAT
    reasoning: dict[str, Json] = {} if response.reasoning is None else {"reasoning_content": response.reasoning}
    choice: dict[str, Json] = {"index": 0, "logprobs": None, "finish_reason": response.finish_reason or "stop"}
    if chat:
        choice["message"] = {"role": "assistant", "content": response.text, **reasoning}
    else:
        choice |= {"text": response.text, **reasoning}
    return {
        "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
        "object": "chat.completion" if chat else "text_completion",
        "created": int(time.time()),
        "model": request.parameters.get("model") or "",
        "choices": [choice],
        "usage": _usage(response, None),
    }


def _usage(response: Response, before: Json) -> dict[str, Json]:
    prompt, completion = response.usage.prompt_tokens, response.usage.completion_tokens
    tokens = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {**(before if isinstance(before, dict) else {}), **tokens}


def stream_of(envelope: dict[str, Json], with_usage: bool) -> bytes:
    """The same as a stream of few events."""
    chunks = [msgspec.json.encode(chunk) for chunk in _chunks(envelope, with_usage)]
    return b"".join(b"data: " + chunk + b"\n\n" for chunk in (*chunks, b"[DONE]"))


def _chunks(envelope: dict[str, Json], with_usage: bool) -> Iterator[dict[str, Json]]:
    """What each choice says, that it is finished, and the tokens where the client asked for them."""
    base = {key: value for key, value in envelope.items() if key not in ("choices", "usage")}
    if base.get("object") == "chat.completion":
        base["object"] = "chat.completion.chunk"
    choices = envelope["choices"]
    for choice in choices if isinstance(choices, list) else ():
        if not isinstance(choice, dict):
            continue
        message = choice.get("message")
        if not isinstance(message, dict):
            yield {**base, "choices": [choice]}
            continue
        index = choice.get("index", 0)
        said = {key: value for key, value in choice.items() if key not in ("message", "finish_reason", "stop_reason")}
        yield {**base, "choices": [{**said, "delta": _delta(message), "finish_reason": None}]}
        end = {"finish_reason": choice.get("finish_reason") or "stop"}
        yield {**base, "choices": [{"index": index, "delta": {}, **end}]}
    if with_usage:
        yield {**base, "choices": [], "usage": envelope.get("usage")}


def _delta(message: dict[str, Json]) -> dict[str, Json]:
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    indexed: list[Json] = [
        {"index": index, **call} if isinstance(call, dict) else call for index, call in enumerate(calls)
    ]
    return {**message, "tool_calls": indexed}


def status_of(error: EvalError) -> int:
    """The HTTP status that says what went wrong."""
    if isinstance(error, SpentError):
        return 429
    if isinstance(error, EndpointError) and error.status is not None:
        return error.status
    return 400 if isinstance(error, RejectedRequestError) else 500


def error_of(error: EvalError) -> tuple[int, bytes]:
    """An error as the OpenAI API says it: status and body."""
    status = status_of(error)
    kind, code = {502: ("api_error", "upstream_unreachable"), 504: ("api_error", "upstream_timeout")}.get(
        status, ("invalid_request_error", None) if status < 500 else ("api_error", None)
    )
    if isinstance(error, SpentError):
        kind, code = "rate_limit_error", "session_budget_exhausted"
    elif isinstance(error, InterceptorError):
        kind, code = "interceptor_error", "interceptor_error"
    content = {"error": {"message": str(error), "type": kind, "param": None, "code": code}}
    return status, msgspec.json.encode(content)
