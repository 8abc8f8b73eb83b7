"""The server behind the proxy, and one exchange with it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NamedTuple

import aiohttp
import msgspec

from ..chat import Request, Response
from ..client import RetryPolicy
from ..client.decode import decode_error, decode_response
from ..client.direct import CONNECT_SECONDS, Direct
from ..client.retry import asked_wait, is_retried
from ..client.stream import StreamReader
from ..client.words import in_words, redact, without_key
from ..endpoint import SECRET_HEADERS, Endpoint, Secret
from ..errors import AccessError, ConfigError, EndpointError, InterceptorError, RejectedRequestError
from .asked import carried

Write = Callable[[bytes], Awaitable[None]]
Begin = Callable[[Mapping[str, str]], Awaitable[Write]]
"""Begins to answer the client with a stream that has these headers; gives what writes to it."""


class Reply(NamedTuple):
    """What the upstream answered; ``content`` is empty where it was a stream."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Upstream:
    """Sends to one server, as often at a time as it may.

    Args:
        timeout: seconds that it may be silent.
        most: requests at a time.
    """

    def __init__(self, endpoint: Endpoint, timeout: float, retries: int, most: int) -> None:
        self.endpoint = endpoint
        self.retry = RetryPolicy(retries=retries)
        self._direct = Direct()
        self._timeout = timeout
        self._limits = aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT_SECONDS, timeout), sock_read=timeout)
        self._places = asyncio.Semaphore(most)
        key = endpoint.api_key
        self._key = {} if key is None else {"authorization": f"Bearer {key.reveal()}"}

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """A client's headers without its own key, where there is one for the upstream."""
        dropped = self._key.keys()
        return {name: value for name, value in headers.items() if name not in dropped}

    @asynccontextmanager
    async def reply(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request.

        Raises:
            EndpointError: there is no answer (status 502), none in time (504), or it broke off.
        """
        sent = {**self._key, **headers, "accept-encoding": "identity"}
        try:
            async with self._places, self._direct.request(method, url, content, sent, self._limits) as reply:
                yield reply
        except (aiohttp.ServerTimeoutError, TimeoutError, asyncio.TimeoutError):
            raise _failure(504, f"{_shown(url)} says nothing for {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            words = in_words(self.known(headers), error)
            raise _failure(502, f"{_shown(url)} cannot be reached, or broke off: {words}") from None
        except (ValueError, TypeError) as error:  # what cannot be sent: a header's characters, a proxy
            words = in_words(self.known(headers), error)
            raise _failure(502, f"the request to {_shown(url)} could not be sent: {words}") from None

    def known(self, headers: Mapping[str, str]) -> Endpoint:
        """The endpoint with the client's own keys too, for words that shall hold none."""
        secrets: dict[str, str | Secret] = {}
        for name in SECRET_HEADERS & headers.keys():
            with contextlib.suppress(ConfigError):
                secrets[name] = Secret(headers[name].rpartition(" ")[2])
        return replace(self.endpoint, headers=secrets)

    async def close(self) -> None:
        """Close all connections."""
        await self._direct.aclose()


class Exchange:
    """One request of a client, on its way through the chain; the last attempt counts.

    Args:
        asked: what came in.
        content: its body; empty where ``asked`` is to be written anew.
        begin: begins to pass a stream on; None where answers are collected first.

    Attributes:
        reply: what the upstream answered.
        response: the same for the chain.
        error: what the chain was told instead.
        streamed: whether the client has begun to get a stream.
    """

    def __init__(self, upstream: Upstream, url: str, asked: Request, content: bytes, begin: Begin | None) -> None:
        self.reply: Reply | None = None
        self.response: Response | None = None
        self.error: EndpointError | None = None
        self.streamed = False
        self._upstream = upstream
        self._url = url
        self._asked = asked
        self._content = content
        self._begin = begin

    async def send(self, request: Request) -> Response:
        """The innermost of the chain.

        Raises:
            EndpointError: with the status that the client is to get.
        """
        content, attempt = self._body(request), 0
        while True:
            self.reply = self.response = self.error = None
            if self.streamed:
                raise InterceptorError(
                    "an interceptor sends twice, and its first answer went to the client as a stream"
                )
            try:
                self.response = await self._attempt(request, content)
            except EndpointError as error:
                self.error = error
                if self.streamed or attempt >= self._upstream.retry.retries or not is_retried(error.status or 400):
                    raise
                told = self.reply.headers.get("retry-after") if self.reply is not None else None
                await asyncio.sleep(self._upstream.retry.wait(attempt, asked_wait(told)))
                attempt += 1
            else:
                return self.response

    def _body(self, request: Request) -> bytes:
        """As it came, unless an interceptor changed it or there is something to add; no content: there is."""
        streams = request.parameters.get("stream") is True and self._begin is None
        if request is self._asked and self._content and not streams:
            return self._content
        body = request.body("")
        if not body["model"]:
            del body["model"]
        if streams:  # the chain sees the tokens; whether the client does is up to the client
            options = body.get("stream_options")
            body["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
        try:
            return msgspec.json.encode(body)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise RejectedRequestError(f"the request cannot be written as JSON: {error}") from None

    async def _attempt(self, request: Request, content: bytes) -> Response:
        start = time.perf_counter()
        headers = {"content-type": "application/json", **request.headers}
        async with self._upstream.reply("POST", self._url, content, headers) as reply:
            told = carried(reply.headers.items())
            if reply.status == 200 and reply.content_type == "text/event-stream":
                self.reply = Reply(200, told, b"")
                return await self._read_stream(reply, told, start)
            self.reply = Reply(reply.status, told, without_key(self._upstream.endpoint, await reply.read()))
        if self.reply.status != 200:
            raise self._refusal(self.reply, headers)
        try:
            return decode_response(self.reply.content, time.perf_counter() - start, whole=True)
        except EndpointError as error:
            raise _failure(502, str(error)) from None

    async def _read_stream(self, reply: aiohttp.ClientResponse, headers: Mapping[str, str], start: float) -> Response:
        """The client gets each piece before the chain is told; after a piece that makes no sense, the rest too."""
        reader = StreamReader(lambda content: without_key(self._upstream.endpoint, content), whole=True)
        write = None if self._begin is None else await self._begin(headers)
        self.streamed = write is not None
        first, broken = 0.0, None
        async for chunk in reply.content.iter_any():
            if write is not None:
                await write(chunk)
            if broken is None:
                try:
                    reader.feed(chunk)
                except EndpointError as error:
                    broken = error
            if reader.begun and not first:
                first = time.perf_counter() - start
        try:
            if broken is not None:
                raise broken
            return reader.response(time.perf_counter() - start, first)
        except EndpointError as error:
            raise _failure(error.status or 502, redact(self._upstream.endpoint, str(error))) from None

    def _refusal(self, reply: Reply, headers: Mapping[str, str]) -> EndpointError:
        words = redact(self._upstream.known(headers), decode_error(reply.content))
        words = f"{_shown(self._url)}: HTTP {reply.status}: {words}"
        kind = AccessError if reply.status in (401, 403, 404) else RejectedRequestError
        error = (EndpointError if is_retried(reply.status) else kind)(words)
        error.status = reply.status
        return error


def _failure(status: int, words: str) -> EndpointError:
    error = EndpointError(words)
    error.status = status
    return error


def _shown(url: str) -> str:
    """Without the query, which may hold a key."""
    return url.partition("?")[0]
