"""How a model server is run, as values: what a Backend makes and a Launcher runs."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

HOST = "{host}"
PORT = "{port}"
"""Stand-ins in a command: the launcher knows the address, the backend does not."""


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """How to see that a server is ready: each path answers 200, in this order."""

    paths: tuple[str, ...] = ("/v1/models",)


class LogHint(msgspec.Struct, frozen=True, kw_only=True):
    """A text that a server's log may hold, and what to do about it."""

    text: str
    advice: str


class ServerCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One server, ready to be run somewhere.

    Attributes:
        argv: the command line; ``{host}`` and ``{port}`` stand for the address.
        environment: set for the server beside what it inherits; never holds a key.
        port: the port that the user asked for; None lets the launcher choose.
        model_id: the name that the server serves the model under.
        probe: how to see that it is ready.
        hints: telling log lines, most telling first.
        progress: texts of the log that are worth showing while waiting.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    port: int | None = None
    model_id: str
    probe: Probe = Probe()
    hints: tuple[LogHint, ...] = ()
    progress: tuple[str, ...] = ()

    def at(self, host: str, port: int) -> tuple[str, ...]:
        """The command line for one address."""
        return tuple(word.replace(HOST, host).replace(PORT, str(port)) for word in self.argv)


class ServerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running server answers, and what is known of it.

    Attributes:
        base_url: up to and including ``/v1``.
        model_id: the name that it serves the model under.
        argv: the command line that started it.
        log: the path of its log.
        version: what the server says of its version, "" where it says nothing.
        restarts: how often it had died before.
    """

    base_url: str
    model_id: str
    argv: tuple[str, ...] = ()
    log: str = ""
    version: str = ""
    restarts: int = 0
