"""Where a model answers: base URL, model id, protocol and key."""

from __future__ import annotations

import enum
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .errors import ConfigError

KEY_VARIABLES = {
    "integrate.api.nvidia.com": ("NVIDIA_API_KEY", "NGC_API_KEY"),
    "api.openai.com": ("OPENAI_API_KEY",),
}
"""The environment variables that usually hold the key of a known host, in order."""

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "api-key", "x-api-key"})
"""Headers that hold keys, in lower case."""
REPLAY_SCHEME = "replay:"
"""How the base URL of an endpoint begins that answers out of a Run; the Run's folder follows."""

_REFERENCE = re.compile(r"\$\{(?:oc\.env:)?([A-Za-z_][A-Za-z0-9_]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHOWN_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_SHORTEST_KEY = 8
"""Shorter keys are placeholders of local servers (EMPTY, none), and words that replies may hold."""


class Protocol(str, enum.Enum):
    """The route of the OpenAI-compatible API that requests take."""

    CHAT = "chat"
    COMPLETIONS = "completions"

    @property
    def path(self) -> str:
        return "/chat/completions" if self is Protocol.CHAT else "/completions"


class Secret:
    """A key that shows itself only to ``reveal()``: its repr, its str and pickles hold nothing.

    White space around it, such as a file's last line break, is no part of it.

    Raises:
        ConfigError: characters that no HTTP header takes.
    """

    __slots__ = ("_forms", "_value")

    def __init__(self, value: str) -> None:
        self._value = value.strip()
        if not (self._value.isascii() and self._value.isprintable()):
            raise ConfigError("the value holds a line break or a character beyond ASCII: copy it anew")
        escaped = json.dumps(self._value)[1:-1]
        forms = {self._value, escaped, escaped.replace("/", "\\/")}  # as it is, and as JSON may write it
        self._forms = sorted(forms - {""}, key=len, reverse=True)

    def reveal(self) -> str:
        return self._value

    def redact(self, text: str) -> str:
        """``text`` without the key, for words that came from elsewhere (a server's error, a log)."""
        for form in self._forms:
            text = text.replace(form, "[key]")
        return text

    def redact_content(self, content: bytes) -> bytes:
        """What a server sent without the key; a placeholder of under 8 characters stays, since replies may hold it."""
        if len(self._value) >= _SHORTEST_KEY:
            for form in self._forms:
                content = content.replace(form.encode(), b"[key]")
        return content

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is not written down: pass the name of its environment variable on")


@dataclass(frozen=True)
class Endpoint:
    """A model behind an OpenAI-compatible API.

    Attributes:
        base_url: up to and including ``/v1``, without a trailing slash.
        model_id: the name that requests carry.
        protocol: chat or completions.
        api_key: None where the endpoint needs none.
        headers: further ones for each request; those out of the environment are Secrets.
    """

    base_url: str
    model_id: str
    protocol: Protocol = Protocol.CHAT
    api_key: Secret | None = field(default=None, repr=False, compare=False)
    headers: Mapping[str, str | Secret] = field(default_factory=dict, repr=False, compare=False)

    @property
    def secrets(self) -> list[Secret]:
        """What no text may hold."""
        keys = [self.api_key] if self.api_key else []
        return [*keys, *(value for value in self.headers.values() if isinstance(value, Secret))]

    @property
    def url(self) -> str:
        return self.base_url + self.protocol.path


def parse_url(url: str) -> tuple[str, Protocol]:
    """Split what a user gives into base URL and protocol.

    The URL may end in ``/v1``, ``/v1/chat/completions`` or ``/v1/completions``, each with or without a slash.

    Raises:
        ConfigError: not an http(s) URL, or one with credentials in it.
    """
    parts = urlsplit(url.strip())
    if parts.username or parts.password:
        raise ConfigError("the model URL holds credentials: name the variable of the key with --api-key-env instead")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{url!r} is not a model URL: write one like https://HOST/v1")
    if parts.query or parts.fragment:
        raise ConfigError(
            "the model URL holds a query or a fragment, which are not sent: write one like https://HOST/v1"
        )
    path = parts.path.rstrip("/")
    for protocol in (Protocol.CHAT, Protocol.COMPLETIONS):
        if path.endswith(protocol.path):
            return f"{parts.scheme}://{parts.netloc}{path[: -len(protocol.path)]}", protocol
    return f"{parts.scheme}://{parts.netloc}{path}", Protocol.CHAT


def find_headers(headers: Mapping[str, str]) -> dict[str, str | Secret]:
    """Headers as a suite writes them; a value ``${NAME}`` is taken from the environment.

    Raises:
        ConfigError: a variable that is not set, or holds what no header takes.
    """
    found: dict[str, str | Secret] = {}
    for name, value in headers.items():
        match = _REFERENCE.fullmatch(value)
        if match is None:
            found[name] = value
        elif match[1] in os.environ:
            try:
                found[name] = Secret(os.environ[match[1]])
            except ConfigError as error:
                raise ConfigError(f"the environment variable {match[1]}, for the header {name}: {error}") from None
        else:
            raise ConfigError(f"the environment variable {match[1]}, for the header {name}, is not set")
    return found


def find_key(base_url: str, variable: str | None) -> Secret | None:
    """The key of an endpoint, out of ``variable``, else out of the usual variables of a known host.

    Raises:
        ConfigError: ``variable`` is no variable's name or is not set, or what it holds is no key; never shows a key.
    """
    if variable is not None and not _VARIABLE.fullmatch(variable):
        raise ConfigError(
            "what should name the environment variable of the endpoint's key is no such name (it is not shown here, "
            "since it may be the key itself): put the key into a variable, and give that variable's name"
        )
    names = KEY_VARIABLES.get(urlsplit(base_url).hostname or "", ()) if variable is None else (variable,)
    for name in names:
        if os.environ.get(name, "").strip():
            try:
                return Secret(os.environ[name])
            except ConfigError as error:
                raise ConfigError(f"the environment variable {name}: {error}") from None
    if variable is not None:
        shown = f"variable {variable}" if _SHOWN_VARIABLE.fullmatch(variable) else "variable (its name is not shown)"
        raise ConfigError(f"the environment {shown}, which should hold the endpoint's key, is not set")
    return None
