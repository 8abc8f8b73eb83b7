"""Sends requests to an Endpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

import aiohttp
import anyio
import msgspec

from ..chat import Json, Message, Request, Response
from ..endpoint import Endpoint, Protocol, Secret
from ..errors import AccessError, EndpointError, RejectedRequestError
from ..interceptors import Interceptor, chain
from .decode import decode_error, decode_model_ids, decode_response
from .limiter import Limiter
from .pool import Pool
from .retry import RetryPolicy, asked_wait, is_retried
from .stream import StreamReader
from .words import access_advice, in_words, redact, template_advice, without_key


class _RetriableError(Exception):
    """One attempt failed in a way that another may not."""

    def __init__(
        self, reason: str, wait: float | None = None, overload: bool = False, status: int | None = None
    ) -> None:
        super().__init__(reason)
        self.wait = wait
        self.overload = overload
        self.status = status


class _Reply(NamedTuple):
    """An HTTP reply with its whole body."""

    status: int
    retry_after: str | None
    content: bytes


class Client:
    """The client of one Endpoint: ``await client.send(request)``, or ``client.ask("...")`` from a plain test.

    Args:
        endpoint: where requests go.
        interceptors: around each send, the first outermost; retries happen inside of them.
        pool: the connections, shared with other clients.
        retry: what is sent again.
        timeout: seconds for one attempt.
        limiter: is told of each attempt; places are taken by whoever sends many requests.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        interceptors: Sequence[Interceptor],
        pool: Pool,
        retry: RetryPolicy = RetryPolicy(),
        timeout: float = 600.0,
        limiter: Limiter | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.interceptors = tuple(interceptors)
        self.pool = pool
        self.retry = retry
        self.timeout = timeout
        self.limiter = limiter
        self._answered = False
        self._send = chain(self.interceptors, self._send_with_retries)

    async def send(self, request: Request) -> Response:
        """The endpoint's answer, through the interceptors. To be awaited on the pool's loop.

        Raises:
            RejectedRequestError: HTTP 400, 413, 422 or another status that asking again would not change; 404 once
                others were answered. AccessError: 401, 403, 404 before that.
            EndpointError: no usable answer after all retries.
        """
        return await self._send(request)

    def with_limits(self, retry: RetryPolicy, timeout: float, limiter: Limiter | None = None) -> Client:
        """The same client with other limits; its limiter stays where none is given."""
        return Client(self.endpoint, self.interceptors, self.pool, retry, timeout, limiter or self.limiter)

    def at(self, endpoint: Endpoint) -> Client:
        """The same client of another endpoint."""
        return Client(endpoint, self.interceptors, self.pool, self.retry, self.timeout, self.limiter)

    def anew(self) -> Client:
        """The same client without interceptors that give what was answered before, such as a cache."""
        interceptors = [one for one in self.interceptors if not getattr(one, "keeps_answers", False)]
        return Client(self.endpoint, interceptors, self.pool, self.retry, self.timeout, self.limiter)

    def behind(self, *innermost: Interceptor) -> Client:
        """The same client with further interceptors, innermost of all: around the send and its retries alone."""
        interceptors = (*self.interceptors, *innermost)
        return Client(self.endpoint, interceptors, self.pool, self.retry, self.timeout, self.limiter)

    def ask(self, question: str, **parameters: Json) -> Response:
        """Ask one question and wait for the answer, with further fields of the body such as ``max_tokens=64``."""
        if self.endpoint.protocol is Protocol.CHAT:
            request = Request(messages=(Message("user", question),), parameters=parameters)
        else:
            request = Request(prompt=question, parameters=parameters)
        return self.pool.start(lambda: self.send(request)).result()

    async def _send_with_retries(self, request: Request) -> Response:
        body = _body(request, self.endpoint)
        reasons: list[str] = []
        while True:
            start = time.perf_counter()
            try:
                response = await self._attempt(request, body, start)
            except _RetriableError as failure:
                if failure.overload and self.limiter:
                    self.limiter.overloaded(time.perf_counter() - start)
                reasons.append(str(failure))
                self._stop_if_spent(request, reasons, failure.status)
                await anyio.sleep(self.retry.wait(len(reasons) - 1, failure.wait))
            except RejectedRequestError:
                self._note_answer(start)
                raise
            else:
                self._note_answer(start)
                return response.replace(attempts=1 + len(reasons)) if reasons else response

    def _note_answer(self, start: float) -> None:
        if self.limiter:
            self.limiter.answered(time.perf_counter() - start)

    def _stop_if_spent(self, request: Request, reasons: list[str], status: int | None) -> None:
        """Raise once a request, or the run, has no retry left; ``status`` is the last attempt's."""
        budget = self.retry.budget
        more = len(reasons) <= self.retry.retries
        if more and (budget is None or budget.take()):
            return
        times = f"{len(reasons)} times" if len(reasons) > 1 else "once"
        spent = f" (and the run's budget of {budget.most} retries is spent)" if more and budget else ""
        error = EndpointError(f"{self._url(request)} was asked {times}: {'; '.join(dict.fromkeys(reasons))}{spent}")
        error.status = status
        raise error from None

    async def _attempt(self, request: Request, body: bytes, start: float) -> Response:
        reply = await self._post(request, body, start)
        if isinstance(reply, Response):
            self._answered = True
            return reply
        content = without_key(self.endpoint, reply.content)
        if reply.status == 200:
            try:
                response = decode_response(content, time.perf_counter() - start)
            except EndpointError as error:
                raise _RetriableError(str(error)) from None
            self._answered = True
            return response
        raise self._refusal(
            self._url(request), reply, f"HTTP {reply.status}: {redact(self.endpoint, decode_error(content))}"
        )

    def _refusal(self, url: str, reply: _Reply, words: str) -> Exception:
        """What an HTTP status other than 200 means."""
        status = reply.status
        if is_retried(status):
            return _RetriableError(words, asked_wait(reply.retry_after), status in (429, 503), status)
        error: EndpointError
        if status in (401, 403) or (status == 404 and not self._answered):
            error = AccessError(f"{url} refuses requests: {words}{access_advice(status, self.endpoint)}")
        else:
            error = RejectedRequestError(f"{url} refused the request: {words}{template_advice(words)}")
        error.status = status
        return error

    async def _post(self, request: Request, body: bytes, start: float) -> _Reply | Response:
        """The HTTP reply, or the answer of one that was streamed."""
        url = self._url(request)
        headers = {"content-type": "application/json", **_headers(self.endpoint), **request.headers}
        try:
            async with self.pool.post(url, body, headers, self.timeout) as reply:
                if request.parameters.get("stream") and _is_stream(reply):
                    return await self._read_stream(reply, start)
                return _Reply(reply.status, reply.headers.get("retry-after"), await reply.read())
        except EndpointError as error:  # in mid-stream
            raise _RetriableError(redact(self.endpoint, str(error))) from None
        except aiohttp.ServerTimeoutError as error:  # of one step, such as connecting
            raise _RetriableError(in_words(self.endpoint, error), overload=True) from None
        except (TimeoutError, asyncio.TimeoutError):
            raise _RetriableError(f"no answer within {self.timeout:g} s", overload=True) from None
        except aiohttp.InvalidURL as error:
            raise EndpointError(f"the request to {url} could not be sent: {in_words(self.endpoint, error)}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _RetriableError(in_words(self.endpoint, error)) from None
        except Exception as error:  # what cannot be sent: a header's characters, a proxy of an unknown kind
            words = in_words(self.endpoint, error)
            raise EndpointError(f"the request to {url} could not be sent: {words}") from None

    async def _read_stream(self, reply: aiohttp.ClientResponse, start: float) -> Response:
        reader = StreamReader(lambda content: without_key(self.endpoint, content))
        first = 0.0
        async for chunk in reply.content.iter_any():
            reader.feed(chunk)
            if reader.begun and not first:
                first = time.perf_counter() - start
        return reader.response(time.perf_counter() - start, first)

    def _url(self, request: Request) -> str:
        return self.endpoint.base_url + request.protocol.path


def _is_stream(reply: aiohttp.ClientResponse) -> bool:
    """False where the server refuses, or does not stream in spite of being asked."""
    return reply.status == 200 and reply.content_type == "text/event-stream"


async def list_models(endpoint: Endpoint, pool: Pool, timeout: float = 60.0) -> list[str]:
    """The model ids that ``/v1/models`` of an endpoint lists; its own ``model_id`` is not looked at.

    Raises:
        AccessError: HTTP 401 or 403. EndpointError: anything else but a list of models.
    """
    url = f"{endpoint.base_url}/models"
    try:
        async with pool.get(url, _headers(endpoint), timeout) as reply:
            status, content = reply.status, without_key(endpoint, await reply.read())
    except Exception as error:  # aiohttp's, the system's, or of what cannot be sent
        raise EndpointError(f"{url} cannot be reached: {in_words(endpoint, error)}") from None
    if status != 200:
        words = redact(endpoint, decode_error(content))
        kind = AccessError if status in (401, 403) else EndpointError
        raise kind(f"{url} answers HTTP {status}: {words}{access_advice(status, endpoint)}")
    return decode_model_ids(content)


def _headers(endpoint: Endpoint) -> dict[str, str]:
    key = {"authorization": f"Bearer {endpoint.api_key.reveal()}"} if endpoint.api_key else {}
    further = endpoint.headers.items()
    return {**key, **{name.lower(): value.reveal() if isinstance(value, Secret) else value for name, value in further}}


def _body(request: Request, endpoint: Endpoint) -> bytes:
    body = request.body(endpoint.model_id)
    if body.get("stream"):
        body.setdefault("stream_options", {"include_usage": True})
    return msgspec.json.encode(body)
