"""Takes clients' requests, has the chain answer them, and gives the answers back."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web

from ..chat import Request, Response
from ..endpoint import Protocol
from ..errors import EndpointError, EvalError, InterceptorError
from ..interceptors import Interceptor, chain
from .answer import envelope_of, error_of, stream_of
from .asked import Target, carried, read_request, read_target
from .upstream import Exchange, Upstream, Write

JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
NEVER_AGAIN = {"x-should-retry": "false"}
"""OpenAI's clients obey it: what an interceptor refuses, it would refuse again."""
GONE = 499
"""The status, common by now, of a client that did not wait; it never gets it."""

_logger = logging.getLogger(__name__)


class Proxy:
    """The handler of every request.

    Args:
        interceptors: around each completion, the first outermost.

    Attributes:
        changing: those that may change answers; a stream is held back for them until it is whole.
    """

    def __init__(self, upstream: Upstream, interceptors: Sequence[Interceptor]) -> None:
        self.upstream = upstream
        self.interceptors = tuple(interceptors)
        self.changing = tuple(one for one in interceptors if getattr(one, "changes_response", True))
        self._base = upstream.endpoint.base_url
        self._root = self._base.removesuffix("/v1")

    async def handle(self, asked: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; whatever goes wrong is an answer too."""
        target = read_target(asked.raw_path)
        protocol = target.protocol(asked.method)
        try:
            if target.path == "/health":
                return web.Response(body=b'{"status":"ok"}', headers=JSON)
            content = await asked.content.read()
            if protocol is None:
                return await self._pass(asked, target, content)
            return await _Answering(self, asked, target, protocol).answer(content)
        except EvalError as error:
            return refused(error, {})

    async def _pass(self, asked: web.BaseRequest, target: Target, content: bytes) -> web.StreamResponse:
        """What is no completion, as it is."""
        if not target.path.startswith("/"):
            return web.Response(status=400)
        place = self._base + target.path[3:] if target.path.startswith("/v1/") else self._root + target.path
        headers = self.upstream.headers(carried(asked.headers.items()))
        response: web.StreamResponse | None = None
        try:
            async with self.upstream.reply(asked.method, place + target.query, content or None, headers) as reply:
                told = carried(reply.headers.items())
                response = web.StreamResponse(status=reply.status, reason=reply.reason, headers=told)
                await response.prepare(asked)
                async for chunk in reply.content.iter_any():
                    await response.write(chunk)
        except EvalError:
            if response is None:
                raise
            break_off(asked)
        return response

    def completions_url(self, protocol: Protocol, target: Target) -> str:
        """Where completions are asked for."""
        return self._base + protocol.path + target.query


class _Answering:
    """One completion."""

    def __init__(self, proxy: Proxy, asked: web.BaseRequest, target: Target, protocol: Protocol) -> None:
        self._proxy = proxy
        self._asked = asked
        self._target = target
        self._protocol = protocol
        self._stream: web.StreamResponse | None = None

    async def answer(self, content: bytes) -> web.StreamResponse:
        """
        Raises:
            RejectedRequestError: the body is none of a completion.
        """
        proxy, upstream = self._proxy, self._proxy.upstream
        headers = upstream.headers(carried(self._asked.headers.items()))
        request = read_request(content, self._protocol, headers, self._target)
        if upstream.endpoint.model_id and not request.parameters.get("model"):
            content = b""
            request = request.replace(parameters={**request.parameters, "model": upstream.endpoint.model_id})
        begin = self._begin if request.parameters.get("stream") is True and not proxy.changing else None
        url = proxy.completions_url(self._protocol, self._target)
        exchange = Exchange(upstream, url, request, content, begin)
        try:
            response = await chain(proxy.interceptors, exchange.send)(request)
            return await self._given(exchange, request, response) if self._stream is None else self._stream
        except EvalError as error:
            if self._stream is None and error is exchange.error and exchange.reply and exchange.reply.status != 200:
                return web.Response(
                    status=exchange.reply.status, body=exchange.reply.content, headers=exchange.reply.headers
                )
            if isinstance(error, InterceptorError):
                _logger.error("%s", error, exc_info=error.__cause__)
            if self._stream is not None:
                break_off(self._asked)
                return self._stream
            return refused(error, {} if error is exchange.error else NEVER_AGAIN)

    async def _given(self, exchange: Exchange, request: Request, response: Response) -> web.Response:
        """As it came, where no interceptor changed it; as a stream if the client asked for one."""
        streams, reply = request.parameters.get("stream") is True, exchange.reply
        if response is exchange.response and reply is not None and reply.content and not streams:
            return web.Response(body=reply.content, headers=reply.headers)

        async def further(choice: Response) -> Response:
            async def given(_: Request) -> Response:
                return choice

            return await chain(self._proxy.changing, given)(request)

        envelope = await envelope_of(response, request, further)
        told = {} if reply is None else reply.headers
        if not streams:
            return web.Response(body=msgspec.json.encode(envelope), headers={**told, **JSON})
        options = request.parameters.get("stream_options")
        with_usage = isinstance(options, dict) and options.get("include_usage") is True
        return web.Response(body=stream_of(envelope, with_usage), headers={**told, **EVENTS})

    async def _begin(self, headers: Mapping[str, str]) -> Write:
        """Begin to pass a stream on."""
        stream = self._stream = web.StreamResponse(headers=headers)

        async def write(chunk: bytes) -> None:
            try:
                await stream.write(chunk)
            except ConnectionError:
                gone = EndpointError("the client went away before the answer was whole")
                gone.status = GONE
                raise gone from None

        await stream.prepare(self._asked)
        return write


def refused(error: EvalError, headers: Mapping[str, str]) -> web.Response:
    """An error as OpenAI's API says it."""
    status, content = error_of(error)
    return web.Response(status=status, body=content, headers={**headers, **JSON})


def break_off(asked: web.BaseRequest) -> None:
    """End the connection, so that the client sees that there should be more."""
    asked.protocol.force_close()
