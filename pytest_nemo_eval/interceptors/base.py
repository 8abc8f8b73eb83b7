"""What the built-in interceptors have in common."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, Literal, Protocol

import msgspec

from ..chat import Json, Request, Response

CallNext = Callable[[Request], Awaitable[Response]]
"""Sends a request on its way, through the interceptors further in."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an interceptor is told. A field's name is its key in YAML and on the command line.

    Attributes:
        log_level: of what it logs, if it logs anything; instead of its own level.
    """

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | None = None

    def level(self, default: int) -> int:
        """The number of ``log_level``."""
        return default if self.log_level is None else int(getattr(logging, self.log_level))


class Interceptor(Protocol):
    """Sees each request on its way out and each response on its way back.

    It may change either (both are frozen: ``replace``), answer by itself, send twice, or raise. What it keeps between
    the two is a local variable, so that requests in flight never mix.
    """

    async def __call__(self, request: Request, call_next: CallNext) -> Response: ...


class BuiltIn(Protocol):
    """A built-in interceptor: made of its Config, called as any other.

    Attributes:
        name: what it is called in YAML and on the command line.
        changes_request: whether it may send another request than it was given; then it must stand outside of a cache.
        changes_response: whether it may give back another response than it got; then the proxy holds a stream back
            until it is whole.
    """

    name: ClassVar[str]
    changes_request: ClassVar[bool]
    changes_response: ClassVar[bool]

    async def __call__(self, request: Request, call_next: CallNext) -> Response: ...

    def report(self) -> Mapping[str, Json]:
        """What a Run shall say of it, such as counts; empty where there is nothing to say."""
        ...

    def close(self) -> None:
        """The benchmark is over: write what is left, close what is open. Idempotent."""
        ...


class Plain:
    """A BuiltIn with nothing to report and nothing to close."""

    changes_request: ClassVar[bool] = False
    changes_response: ClassVar[bool] = False

    def report(self) -> Mapping[str, Json]:
        return {}

    def close(self) -> None:
        return
