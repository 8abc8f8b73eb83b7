"""What goes to a model and what comes back, as frozen values."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union

import msgspec

from .endpoint import Protocol

if TYPE_CHECKING:
    Json = Union[str, int, float, bool, None, list["Json"], dict[str, "Json"]]  # noqa: UP007  a recursive alias cannot be written with | in 3.10
else:
    Json = Any  # msgspec knows no recursive types: as it runs, what came out of JSON or YAML is taken as it is

_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: str
    content: str


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request, before it becomes HTTP; change one with ``replace``.

    Attributes:
        messages: the conversation (chat protocol).
        prompt: the text to continue (completions protocol).
        parameters: the rest of the body: ``max_tokens``, ``temperature``, ``stop``, ...
        headers: additional HTTP headers.
        sample_id: the sample that asks; "" for a request of the user's own.
        repeat: which repeat of the sample, from 0.
    """

    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    parameters: Mapping[str, Json] = msgspec.field(default_factory=dict)
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    sample_id: str = ""
    repeat: int = 0

    @property
    def protocol(self) -> Protocol:
        return Protocol.CHAT if self.prompt is None else Protocol.COMPLETIONS

    def replace(self, **changes: object) -> Request:
        return msgspec.structs.replace(self, **changes)

    @property
    def text_digest(self) -> str:
        """16 hex digits over the texts that the model is given: equal questions, whatever the protocol."""
        return text_digest(self.prompt or "\0".join(message.content for message in self.messages))

    def body(self, model_id: str) -> dict[str, Json]:
        """The JSON body: the parameters may name another model, which then wins."""
        text: dict[str, Json] = (
            {"messages": [{"role": m.role, "content": m.content} for m in self.messages]}
            if self.prompt is None
            else {"prompt": self.prompt}
        )
        return {"model": model_id, **text, **self.parameters}


def text_digest(text: str) -> str:
    """The same for a lone text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one request, as the server counts them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Response(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer; change one with ``replace``.

    Attributes:
        text: the model's words ("" where it said nothing).
        finish_reason: ``stop``, ``length``, ...; None where the server does not say.
        reasoning: what the server gave as reasoning apart from the answer.
        seconds: from sending the request to having the whole answer.
        first_token_seconds: from sending it to the first piece of answer or reasoning; 0 where it was not streamed.
        attempts: how often the endpoint was asked for it.
    """

    text: str
    finish_reason: str | None = None
    reasoning: str | None = None
    usage: Usage = Usage()
    seconds: float = 0.0
    first_token_seconds: float = 0.0
    attempts: int = 1

    def replace(self, **changes: object) -> Response:
        return msgspec.structs.replace(self, **changes)


def decode_json(content: bytes) -> Json:
    """JSON as programs write it: half of a surrogate pair becomes U+FFFD, and NaN null.

    Raises:
        ValueError: not JSON.
    """
    text = _ESCAPE.sub(lambda found: r"\ufffd" if found["half"] else found[0], content.decode("utf-8-sig"))
    try:
        value: Json = json.loads(text, parse_constant=lambda name: None if name == "NaN" else float(name))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value
