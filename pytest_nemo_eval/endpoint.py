"""Where a model answers: base URL, model id, protocol and key."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .errors import ConfigError

KEY_VARIABLES = {
    "integrate.api.nvidia.com": ("NVIDIA_API_KEY", "NGC_API_KEY"),
    "api.openai.com": ("OPENAI_API_KEY",),
}
"""The environment variables that usually hold the key of a known host, in order."""


class Protocol(str, enum.Enum):
    """The route of the OpenAI-compatible API that requests take."""

    CHAT = "chat"
    COMPLETIONS = "completions"

    @property
    def path(self) -> str:
        return "/chat/completions" if self is Protocol.CHAT else "/completions"


class Secret:
    """A key that shows itself only to ``reveal()``: its repr, its str and pickles hold nothing."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def redact(self, text: str) -> str:
        """``text`` without the key, for words that came from elsewhere (a server's error, a log)."""
        return text.replace(self._value, "[key]") if self._value else text

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
    """

    base_url: str
    model_id: str
    protocol: Protocol = Protocol.CHAT
    api_key: Secret | None = field(default=None, repr=False, compare=False)

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


def find_key(base_url: str, variable: str | None) -> Secret | None:
    """The key of an endpoint, out of ``variable``, else out of the usual variables of a known host.

    Raises:
        ConfigError: ``variable`` is named and not set.
    """
    if variable is not None:
        value = os.environ.get(variable, "")
        if not value:
            raise ConfigError(f"the environment variable {variable}, which should hold the endpoint's key, is not set")
        return Secret(value)
    for name in KEY_VARIABLES.get(urlsplit(base_url).hostname or "", ()):
        if os.environ.get(name):
            return Secret(os.environ[name])
    return None
