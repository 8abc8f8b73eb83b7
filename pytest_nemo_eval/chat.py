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


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One turn of a conversation; change one with ``replace``.

    Attributes:
        content: a text, or parts such as texts and images; None beside ``tool_calls``.
        more: the message's other keys, sent as they are: ``name``, ``tool_calls``, ``tool_call_id``, ...
    """

    role: str
    content: str | list[Json] | None
    more: Mapping[str, Json] = msgspec.field(default_factory=dict)

    @property
    def text(self) -> str:
        """The words of the content; "" where there are none."""
        return self.content if isinstance(self.content, str) else text_of(self.content)

    @property
    def parts(self) -> list[Json]:
        """The content as parts, whatever its form."""
        if isinstance(self.content, str):
            return [{"type": "text", "text": self.content}] if self.content else []
        return self.content or []

    def replace(self, **changes: object) -> Message:
        return msgspec.structs.replace(self, **changes)


def text_of(parts: Json) -> str:
    """The words of content parts."""
    found = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return "".join(text for text in found if isinstance(text, str))


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
    def conversation(self) -> tuple[str, int]:
        """What requests of one conversation have in common: sample and repeat, else the first question."""
        if self.sample_id:
            return self.sample_id, self.repeat
        question = next((message.text for message in self.messages if message.role != "system"), "")
        return f"\0{text_digest(question)}", self.repeat

    @property
    def text_digest(self) -> str:
        """16 hex digits over the texts that the model is given: equal questions, whatever the protocol."""
        return text_digest(self.prompt or "\0".join(message.text for message in self.messages))

    def body(self, model_id: str) -> dict[str, Json]:
        """The JSON body: the parameters may name another model, which then wins."""
        text: dict[str, Json] = (
            {"messages": [{"role": m.role, "content": m.content, **m.more} for m in self.messages]}
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
        envelope: the server's whole JSON, as it came; kept by the proxy alone.
    """

    text: str
    finish_reason: str | None = None
    reasoning: str | None = None
    usage: Usage = Usage()
    seconds: float = 0.0
    first_token_seconds: float = 0.0
    attempts: int = 1
    envelope: Mapping[str, Json] | None = None

    def replace(self, **changes: object) -> Response:
        return msgspec.structs.replace(self, **changes)


def tool_calls(response: Response) -> list[Json]:
    """The calls of an answer's first choice, where its envelope was kept."""
    choices = response.envelope.get("choices") if response.envelope is not None else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    return calls if isinstance(calls, list) else []


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
