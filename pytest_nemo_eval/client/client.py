"""Sends requests to an Endpoint."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import aiohttp
import anyio
import httpx
import msgspec

from ..chat import Json, Message, Request, Response
from ..endpoint import Endpoint, Protocol
from ..errors import AccessError, EndpointError, RejectedRequestError
from ..interceptors import Interceptor, chain
from .decode import decode_error, decode_model_ids, decode_response
from .pool import Pool
from .retry import RETRIED_STATUSES, RetryPolicy, asked_wait

CONNECT_SECONDS = 20.0


class _RetriableError(Exception):
    """One attempt failed in a way that another may not."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Client:
    """The client of one Endpoint: ``await client.send(request)``, or ``client.ask("...")`` from a plain test.

    Args:
        endpoint: where requests go.
        interceptors: around each send, the first outermost; retries happen inside of them.
        pool: the connections, shared with other clients.
        retry: what is sent again.
        timeout: seconds for one attempt.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        interceptors: Sequence[Interceptor],
        pool: Pool,
        retry: RetryPolicy = RetryPolicy(),
        timeout: float = 600.0,
    ) -> None:
        self.endpoint = endpoint
        self.interceptors = tuple(interceptors)
        self.pool = pool
        self.retry = retry
        self.timeout = timeout
        self._answered = False
        self._send = chain(self.interceptors, self._send_with_retries)

    async def send(self, request: Request) -> Response:
        """The endpoint's answer, through the interceptors. To be awaited on the pool's loop.

        Raises:
            RejectedRequestError: HTTP 400, 413 or 422, or 404 once others were answered. AccessError: 401, 403, 404.
            EndpointError: no usable answer after all retries.
        """
        return await self._send(request)

    def with_limits(self, retry: RetryPolicy, timeout: float) -> Client:
        """The same client with other limits."""
        return Client(self.endpoint, self.interceptors, self.pool, retry, timeout)

    def ask(self, question: str, **parameters: Json) -> Response:
        """Ask one question and wait for the answer, with further fields of the body such as ``max_tokens=64``."""
        if self.endpoint.protocol is Protocol.CHAT:
            request = Request(messages=(Message("user", question),), parameters=parameters)
        else:
            request = Request(prompt=question, parameters=parameters)
        return self.pool.start(lambda: self.send(request)).result()

    async def _send_with_retries(self, request: Request) -> Response:
        body = msgspec.json.encode(request.body(self.endpoint.model_id))
        attempt = 0
        while True:
            try:
                return await self._attempt(request, body)
            except _RetriableError as failure:
                if attempt >= self.retry.retries:
                    times = f"{attempt + 1} times" if attempt else "once"
                    raise EndpointError(f"{self._url(request)} was asked {times}: {failure}") from None
                await anyio.sleep(self.retry.wait(attempt, failure.wait))
            attempt += 1

    async def _attempt(self, request: Request, body: bytes) -> Response:
        start = time.perf_counter()
        url = self._url(request)
        reply = await self._post(url, body, request)
        content = _without_key(self.endpoint, reply.content)
        if reply.status_code == 200:
            try:
                response = decode_response(content, time.perf_counter() - start)
            except EndpointError as error:
                raise _RetriableError(str(error)) from None
            self._answered = True
            return response
        words = f"HTTP {reply.status_code}: {_redact(self.endpoint, decode_error(content))}"
        if reply.status_code in RETRIED_STATUSES:
            raise _RetriableError(words, asked_wait(reply.headers.get("retry-after")))
        if reply.status_code in (401, 403) or (reply.status_code == 404 and not self._answered):
            raise AccessError(f"{url} refuses requests: {words}{_advice(reply.status_code, self.endpoint)}")
        raise RejectedRequestError(f"{url} refused the request: {words}{_template_advice(words)}")

    async def _post(self, url: str, body: bytes, request: Request) -> httpx.Response:
        try:
            with anyio.fail_after(self.timeout):
                return await self.pool.http.post(
                    url,
                    content=body,
                    headers={"content-type": "application/json", **_key_header(self.endpoint), **request.headers},
                    timeout=httpx.Timeout(self.timeout, connect=min(CONNECT_SECONDS, self.timeout)),
                )
        except TimeoutError:
            raise _RetriableError(f"no answer within {self.timeout:g} s") from None
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            raise _RetriableError(_in_words(self.endpoint, error)) from None
        except Exception as error:  # what cannot be sent: a header's characters, a proxy of an unknown kind
            words = _in_words(self.endpoint, error)
            raise EndpointError(f"the request to {url} could not be sent: {words}") from None

    def _url(self, request: Request) -> str:
        return self.endpoint.base_url + request.protocol.path


async def list_models(endpoint: Endpoint, pool: Pool, timeout: float = 60.0) -> list[str]:
    """The model ids that ``/v1/models`` of an endpoint lists; its own ``model_id`` is not looked at.

    Raises:
        AccessError: HTTP 401 or 403. EndpointError: anything else but a list of models.
    """
    url = f"{endpoint.base_url}/models"
    try:
        reply = await pool.http.get(url, headers=_key_header(endpoint), timeout=timeout)
    except Exception as error:  # httpx's, aiohttp's, the system's, or of what cannot be sent
        raise EndpointError(f"{url} cannot be reached: {_in_words(endpoint, error)}") from None
    content = _without_key(endpoint, reply.content)
    if reply.status_code != 200:
        words = _redact(endpoint, decode_error(content))
        kind = AccessError if reply.status_code in (401, 403) else EndpointError
        raise kind(f"{url} answers HTTP {reply.status_code}: {words}{_advice(reply.status_code, endpoint)}")
    return decode_model_ids(content)


def _key_header(endpoint: Endpoint) -> dict[str, str]:
    return {"authorization": f"Bearer {endpoint.api_key.reveal()}"} if endpoint.api_key else {}


def _without_key(endpoint: Endpoint, content: bytes) -> bytes:
    return endpoint.api_key.redact_content(content) if endpoint.api_key else content


def _redact(endpoint: Endpoint, text: str) -> str:
    return endpoint.api_key.redact(text) if endpoint.api_key else text


def _in_words(endpoint: Endpoint, error: Exception) -> str:
    """A library's error without the key, and without the credentials of a proxy's URL."""
    return re.sub(r"://[^/\s]*@", "://", _redact(endpoint, f"{type(error).__name__}: {error}"))


def _template_advice(words: str) -> str:
    if "chat template" not in words.casefold():
        return ""
    return (
        " (the model has no chat template: ask for completions, with a URL that ends in /v1/completions or "
        "target.api_endpoint.type: completions, or give the server a template)"
    )


def _advice(status: int, endpoint: Endpoint) -> str:
    if status == 404:
        return f" (is {endpoint.model_id!r} the model's id there? --model-id sets it)" if endpoint.model_id else ""
    if endpoint.api_key is None:
        return " (no key was sent: name the variable that holds it with --api-key-env)"
    return " (is the key valid for this model?)"
