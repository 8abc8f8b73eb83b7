"""The chunks of a streamed completion to the JSON that the same answer has in one piece."""

from __future__ import annotations

from ..chat import Json

_WHOLE = {"chat.completion.chunk": "chat.completion"}
_JOINED = frozenset({"content", "reasoning_content", "reasoning", "refusal", "text", "arguments"})
"""What comes in pieces; of everything else that a chunk says, the last word counts, unless it is empty."""


class Collapse:
    """Puts chunks together: texts piece by piece, tool calls by index, choices by index, the last usage."""

    def __init__(self) -> None:
        self._top: dict[str, Json] = {}
        self._choices: dict[int, _Choice] = {}

    def add(self, chunk: dict[str, Json]) -> None:
        """The next chunk; what is of an unknown shape in it is left out."""
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._choices.setdefault(_index(choice, 0), _Choice()).add(choice)
        for key, value in chunk.items():
            if key != "choices" and (value is not None or key not in self._top):
                self._top[key] = value

    def envelope(self) -> dict[str, Json]:
        """The whole."""
        kind = self._top.get("object")
        named = {"object": _WHOLE.get(kind, kind)} if isinstance(kind, str) else {}
        choices: list[Json] = [{"index": index, **self._choices[index].whole()} for index in sorted(self._choices)]
        return {**self._top, **named, "choices": choices}


class _Choice:
    def __init__(self) -> None:
        self._own = _Fields()
        self._message: _Fields | None = None
        self._calls: dict[int, _Call] = {}
        self._function_call: _Fields | None = None
        self._logprobs: dict[str, list[Json]] = {}

    def add(self, choice: dict[str, Json]) -> None:
        for key, value in choice.items():
            if key == "delta" and isinstance(value, dict):
                self._add_delta(value)
            elif key == "logprobs" and isinstance(value, dict):
                for name, entries in value.items():
                    self._logprobs.setdefault(name, []).extend(entries if isinstance(entries, list) else ())
            elif key not in ("index", "delta"):
                self._own.add(key, value)

    def _add_delta(self, delta: dict[str, Json]) -> None:
        self._message = self._message or _Fields()
        for key, value in delta.items():
            if key == "tool_calls" and isinstance(value, list):
                for call in value:
                    if isinstance(call, dict):
                        self._calls.setdefault(_index(call, len(self._calls)), _Call()).add(call)
            elif key == "function_call" and isinstance(value, dict):  # the one call of older clients
                self._function_call = self._function_call or _Fields()
                for name, part in value.items():
                    self._function_call.add(name, part)
            else:
                self._message.add(key, value)

    def whole(self) -> dict[str, Json]:
        whole = self._own.whole()
        if self._logprobs:
            whole["logprobs"] = dict[str, Json](self._logprobs)
        if self._message is not None:
            message = {"role": "assistant", "content": None, **self._message.whole()}
            if self._calls:
                message["tool_calls"] = [self._calls[index].whole() for index in sorted(self._calls)]
                message["content"] = message["content"] or None
            if self._function_call is not None:
                message["function_call"] = self._function_call.whole()
            whole["message"] = message
        whole.setdefault("finish_reason", None)
        return whole


class _Call:
    def __init__(self) -> None:
        self._own = _Fields()
        self._function = _Fields()

    def add(self, call: dict[str, Json]) -> None:
        for key, value in call.items():
            if key == "function" and isinstance(value, dict):
                for name, part in value.items():
                    self._function.add(name, part)
            elif key != "index":
                self._own.add(key, value)

    def whole(self) -> dict[str, Json]:
        return {"type": "function", **self._own.whole(), "function": self._function.whole()}


class _Fields:
    """What comes in pieces is kept in pieces until the end: joining each time would take quadratic time."""

    def __init__(self) -> None:
        self._values: dict[str, Json] = {}
        self._texts: dict[str, list[str]] = {}

    def add(self, key: str, value: Json) -> None:
        if isinstance(value, str) and key in _JOINED:
            self._texts.setdefault(key, []).append(value)
        if (value is not None and value != "") or key not in self._values:  # some servers repeat ids and names as ""
            self._values[key] = value

    def whole(self) -> dict[str, Json]:
        texts: dict[str, Json] = {key: "".join(pieces) for key, pieces in self._texts.items()}
        return {**self._values, **texts}


def _index(piece: dict[str, Json], otherwise: int) -> int:
    index = piece.get("index")
    return index if isinstance(index, int) else otherwise
