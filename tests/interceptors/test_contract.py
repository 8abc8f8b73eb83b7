"""What holds for every built-in interceptor."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_nemo_eval import Message, Request, Response, Usage
from pytest_nemo_eval.chat import Json
from pytest_nemo_eval.errors import ConfigError, EndpointError
from pytest_nemo_eval.interceptors import BuiltIn, CallNext, chain, check_order, create_interceptor
from pytest_nemo_eval.interceptors.table import BUILT_IN

NEEDED: Mapping[str, Mapping[str, Json]] = {
    "caching": {"cache_dir": "{tmp}/cache"},
    "drop_params": {"params": ["stop"]},
    "http_pairs_dump": {"dump_path": "{tmp}/pairs.json"},
    "payload_modifier": {"params_to_add": {"top_k": 5}},
    "progress_tracking": {"progress_tracking_url": "http://127.0.0.1:9/"},
    "rate_limit": {"requests_per_minute": 1_000_000},
    "system_message": {"system_message": "Be brief."},
    "turn_counter": {"max_turns": 1000},
}
"""What they cannot do without."""
CALLING = Message("assistant", None, {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f"}}]})
EVERY = pytest.mark.parametrize("name", sorted(BUILT_IN))


def made(name: str, folder: Path) -> Any:
    needed = NEEDED.get(name, {}).items()
    filled = {key: value.format(tmp=folder) if isinstance(value, str) else value for key, value in needed}
    return create_interceptor(name, filled)


def request(number: int = 0) -> Request:
    parameters: Json = {"properties": {"a": {}}, "required": ["a"]}
    tools: Json = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
    return Request(
        messages=(Message("system", "Be kind."), Message("user", f"question {number}")),
        parameters={"max_tokens": 5, "stop": ["x"], "tools": tools, "nested": {"keep": [1, {"a": 2}]}},
        headers={"x-team": "eval"},
        sample_id=str(number),
    )


async def echo(asked: Request) -> Response:
    await asyncio.sleep(0)
    return Response(text=f"answer to {asked.messages[-1].content} of {asked.sample_id}", finish_reason="stop")


def run(link: CallNext, asked: Request) -> Response:
    async def once() -> Response:
        return await link(asked)

    return asyncio.run(once())


@EVERY
def test_it_is_called_what_the_table_says(name: str, tmp_path: Path) -> None:
    interceptor: BuiltIn = made(name, tmp_path)
    assert interceptor.name == name
    assert isinstance(interceptor.changes_request, bool)
    assert isinstance(interceptor.changes_response, bool)
    interceptor.close()
    interceptor.close()


@EVERY
def test_a_key_that_it_does_not_know_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"the interceptor {name} has no key no_such_key"):
        create_interceptor(name, {"no_such_key": 1})


@EVERY
def test_a_request_is_never_changed_in_place(name: str, tmp_path: Path) -> None:
    interceptor, asked = made(name, tmp_path), request()
    response = run(chain([interceptor], echo), asked)
    interceptor.close()
    assert asked == request()
    assert isinstance(response, Response)


@EVERY
@pytest.mark.parametrize(
    "answer",
    [
        Response(text="<think>Hm.</think>4", finish_reason="stop", usage=Usage(3, 5)),
        Response(text="4", finish_reason="stop", reasoning="Hm.", usage=Usage(3, 5)),
        Response(text="", finish_reason="tool_calls", envelope={"choices": [{"message": {**CALLING.more}}]}),
    ],
)
def test_what_changes_no_response_gives_back_what_it_got(name: str, answer: Response, tmp_path: Path) -> None:
    async def answered(asked: Request) -> Response:
        return answer

    interceptor = made(name, tmp_path)
    response = run(chain([interceptor], answered), request())
    interceptor.close()
    if not interceptor.changes_response:
        assert response is answer


@EVERY
def test_messages_of_every_form_pass(name: str, tmp_path: Path) -> None:
    image: Json = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    parts = Message("user", [{"type": "text", "text": "What is it?"}, image])
    result = Message("tool", "42", {"tool_call_id": "c1"})
    asked = request().replace(messages=(*request().messages, parts, CALLING, result, Message("system", [image])))
    sent: list[Request] = []

    async def send(seen: Request) -> Response:
        sent.append(seen)
        return Response(text="4", finish_reason="stop")

    interceptor = made(name, tmp_path)
    run(chain([interceptor], send), asked)
    interceptor.close()
    (only,) = sent
    assert all(message in only.messages for message in (parts, CALLING, result))
    told = msgspec.to_builtins(only.body("m"))
    assert told["messages"].count({"role": "assistant", "content": None, **CALLING.more}) == 1


@EVERY
def test_an_error_further_in_comes_out(name: str, tmp_path: Path) -> None:
    async def broken(asked: Request) -> Response:
        raise EndpointError("HTTP 500: kaputt")

    interceptor = made(name, tmp_path)
    with pytest.raises(EndpointError, match="kaputt"):
        run(chain([interceptor], broken), request())
    interceptor.close()


@EVERY
def test_256_at_once_never_mix(name: str, tmp_path: Path) -> None:
    interceptor = made(name, tmp_path)
    link = chain([interceptor], echo)

    async def all_of_them() -> list[Response]:
        return await asyncio.gather(*(link(request(number)) for number in range(256)))

    found = asyncio.run(all_of_them())
    interceptor.close()
    for number, response in enumerate(found):
        assert response.text.endswith(f" of {number}")


@EVERY
def test_it_can_be_cancelled(name: str, tmp_path: Path) -> None:
    interceptor = made(name, tmp_path)
    waiting = []

    async def never(asked: Request) -> Response:
        waiting.append(asked)
        await asyncio.Event().wait()
        raise AssertionError

    async def cancelled() -> None:
        task = asyncio.ensure_future(chain([interceptor], never)(request()))
        while not waiting:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await chain([interceptor], echo)(request(7))).text.endswith("of 7")

    asyncio.run(cancelled())
    interceptor.close()


@EVERY
def test_what_changes_requests_stands_before_a_cache(name: str, tmp_path: Path) -> None:
    one, cache = made(name, tmp_path), made("caching", tmp_path)
    check_order([name, "caching"], [one, cache])
    if one.changes_request:
        with pytest.raises(ConfigError, match=f"put {name} before caching"):
            check_order(["caching", name], [cache, one])
    else:
        check_order(["caching", name], [cache, one])
    one.close()
    cache.close()
