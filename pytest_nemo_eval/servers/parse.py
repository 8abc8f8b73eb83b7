"""A request of OpenAI's API, checked: what cannot be done as asked is refused, never ignored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .values import CHAT, Call, Engine, RefusalError, Row, Sampling

MOST_ALTERNATIVES = 20
MOST_CHOICES = 128
COMPLETION_TOKENS = 16
"""OpenAI's default for ``max_tokens`` of a completion; a chat may go on to the end of the context."""

_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "repetition_penalty": (1,),
    "min_p": (0,),
    "logit_bias": ({},),
    "stream": (False,),
    "suffix": ("",),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "add_generation_prompt": (True,),
    "add_special_tokens": (True,),
    "skip_special_tokens": (True,),
}
"""Fields that are not available, with the values that ask for nothing."""
_WITHOUT_EFFECT = ("user", "metadata", "store", "stream_options", "service_tier", "parallel_tool_calls")


@dataclass(frozen=True)
class Work:
    """A checked request.

    Attributes:
        prompts: token ids.
        texts: the prompts as text, for ``echo``; None where ids were given.
        choices: continuations of each prompt.
        logprobs: how many alternatives to tell; None tells no log-probabilities.
    """

    protocol: str
    model: str
    prompts: tuple[tuple[int, ...], ...]
    texts: tuple[str | None, ...]
    sampling: Sampling
    choices: int = 1
    logprobs: int | None = None
    echo: bool = False

    def rows(self) -> Iterator[Row]:
        """Each prompt ``choices`` times; a seed counts up."""
        if not self.sampling.max_tokens:
            return
        for prompt in self.prompts:
            for choice in range(self.choices):
                seed = None if self.sampling.seed is None else self.sampling.seed + choice
                yield Row(prompt, Sampling(**{**self.sampling.__dict__, "seed": seed}))


def parse(call: Call, engine: Engine, model: str) -> Work:
    """The request, checked, as token ids.

    Raises:
        RefusalError: it cannot be answered.
    """
    fields = Fields(_load(call.body))
    name = fields.text("model", model)
    if name != model:
        raise RefusalError(f"The model `{name}` does not exist; this server has `{model}`", 404)
    chat = call.protocol == CHAT
    texts: tuple[str | None, ...]
    prompts: tuple[tuple[int, ...], ...]
    if chat:
        options = fields.object("chat_template_kwargs")
        texts, prompts = (None,), (tuple(engine.encode_chat(_messages(fields.take("messages")), options)),)
    else:
        texts, prompts = _prompts(fields.take("prompt"), engine)
    echo = not chat and fields.boolean("echo")
    logprobs = _logprobs(fields, chat)
    choices = fields.integer("n", 1, 1, MOST_CHOICES)
    if fields.integer("best_of", choices, 1, MOST_CHOICES) != choices:
        raise RefusalError("best_of is not available on this server")
    longest = max(map(len, prompts))
    max_tokens = _max_tokens(fields, chat, engine.context - longest, 0 if echo else 1)
    if min(map(len, prompts)) == 0:
        raise RefusalError("The prompt has no tokens")
    if longest + max_tokens > engine.context:
        raise RefusalError(
            f"This model's maximum context length is {engine.context} tokens; the prompt has {longest} and "
            f"max_tokens asks for {max_tokens} more"
        )
    sampling = _sampling(fields, max_tokens, logprobs or 0)
    fields.refuse_rest()
    return Work(call.protocol, model, prompts, texts, sampling, choices, logprobs, echo)


def _load(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusalError(f"The body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise RefusalError("The body is not a JSON object")
    return {name: value for name, value in body.items() if value is not None}


class Fields:
    """The fields of a body; each is taken out once, and what is left at the end is refused."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._left = body

    def take(self, name: str, default: object = None) -> Any:
        return self._left.pop(name, default)

    def has(self, name: str) -> bool:
        return name in self._left

    def text(self, name: str, default: str) -> str:
        value = self.take(name, default)
        return value if isinstance(value, str) else _wrong(name, "a text", value)

    def boolean(self, name: str) -> bool:
        value = self.take(name, False)
        return value if isinstance(value, bool) else _wrong(name, "true or false", value)

    def object(self, name: str) -> dict[str, Any]:
        value = self.take(name, {})
        return value if isinstance(value, dict) else _wrong(name, "an object", value)

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        value = self.take(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            _wrong(name, f"a whole number from {low} to {high}", value)
        return int(value)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        value = self.take(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            _wrong(name, f"a number from {low:g} to {high:g}", value)
        return float(value)

    def refuse_rest(self) -> None:
        """What asks for nothing may stay."""
        for name, value in self._left.items():
            if name not in _WITHOUT_EFFECT and value not in _NEUTRAL.get(name, ()):
                raise RefusalError(f"{name} is not available on this server (it was {_shown(value)})")


def _wrong(name: str, wanted: str, value: object) -> Any:
    raise RefusalError(f"{name} must be {wanted}, not {_shown(value)}")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _messages(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        return _wrong("messages", "a list of messages", value)  # type: ignore[no-any-return]
    made = []
    for message in value:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            _wrong("messages", "objects with a role and a content", message)
        made.append({**message, "content": _content(message.get("content"))})
    return made


def _content(value: object) -> str:
    """A text, or parts that are texts."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in value):
        return "\n".join(part["text"] for part in value)
    return value if isinstance(value, str) else _wrong("content", "a text", value)


def _prompts(value: object, engine: Engine) -> tuple[tuple[str | None, ...], tuple[tuple[int, ...], ...]]:
    """A text, token ids, or a list of either: as texts, and as ids."""
    several = value if isinstance(value, list) and value and not isinstance(value[0], int) else [value]
    texts: list[str | None] = []
    prompts: list[tuple[int, ...]] = []
    for prompt in several:
        if isinstance(prompt, str):
            texts.append(prompt)
            prompts.append(tuple(engine.encode(prompt)))
        elif isinstance(prompt, list) and all(isinstance(token, int) for token in prompt):
            if any(not 0 <= token < engine.vocabulary for token in prompt):
                raise RefusalError(f"A token id is not in the vocabulary (0 to {engine.vocabulary - 1})")
            texts.append(None)
            prompts.append(tuple(prompt))
        else:
            _wrong("prompt", "a text, a list of token ids, or a list of these", value)
    return tuple(texts), tuple(prompts)


def _logprobs(fields: Fields, chat: bool) -> int | None:
    """How many alternatives are told; None for no log-probabilities."""
    if not chat:
        number = fields.integer("logprobs", -1, -1, MOST_ALTERNATIVES)
        return None if number < 0 else number
    wanted = fields.boolean("logprobs")
    number = fields.integer("top_logprobs", 0, 0, MOST_ALTERNATIVES)
    if number and not wanted:
        raise RefusalError("top_logprobs needs logprobs: true")
    return number if wanted else None


def _max_tokens(fields: Fields, chat: bool, room: int, least: int) -> int:
    default = max(room, 1) if chat else COMPLETION_TOKENS
    newer = fields.take("max_completion_tokens") if chat else None
    older = fields.take("max_tokens")
    value = newer if newer is not None else older
    if value is None:
        return default
    return Fields({"max_tokens": value}).integer("max_tokens", default, least, 2**31)


def _sampling(fields: Fields, max_tokens: int, alternatives: int) -> Sampling:
    stop = fields.take("stop", [])
    stop = [stop] if isinstance(stop, str) else stop
    if not isinstance(stop, list) or not all(isinstance(word, str) and word for word in stop):
        _wrong("stop", "a text or a list of texts, none of them empty", stop)
    seed = fields.integer("seed", 0, -(2**63), 2**63 - 1) if fields.has("seed") else None
    return Sampling(
        max_tokens=max_tokens,
        temperature=fields.number("temperature", 1.0, 0.0, 100.0),
        top_p=fields.number("top_p", 1.0, 0.0, 1.0),
        top_k=max(fields.integer("top_k", 0, -1, 2**31), 0),
        seed=seed,
        stop=tuple(stop),
        alternatives=alternatives,
    )
