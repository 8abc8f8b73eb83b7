"""What the client is told where there is no answer."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.proxy.running import Asked, completion, proxy, upstream

QUIET = "interceptors: [response_stats, {name: turn_counter, config: {max_turns: 100}}]"
ANSWER = json.dumps(completion("4")).encode()


def answer(asked: Asked) -> None:
    asked.answer(ANSWER)


OWN = """
async def own(request, call_next):
    raise RuntimeError("kaputt")
"""


def test_an_interceptor_that_raises_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    with upstream(answer) as server, proxy(server.url, tmp_path, 'interceptors: ["mine:own"]') as running:
        status, told, content = running.chat()
        _, _, error = running.end()
    assert (status, told["x-should-retry"], told["content-type"]) == (500, "false", "application/json")
    assert json.loads(content)["error"] == {
        "message": "the interceptor own raised RuntimeError('kaputt')",
        "type": "interceptor_error",
        "param": None,
        "code": "interceptor_error",
    }
    assert "kaputt" in error
    assert "mine.py" in error


NO_QUESTIONS = [
    ("chat/completions", b"[1", "not a JSON object"),
    ("chat/completions", b"[]", "not a JSON object"),
    ("chat/completions", b"[" * 100_000, "not a JSON object"),
    ("chat/completions", b"{}", "has no messages"),
    ("chat/completions", b'{"messages": [{"content": "?"}]}', "a role and a content"),
    ("chat/completions", b'{"messages": [{"role": "user", "content": 5}]}', "a role and a content"),
    ("chat/completions", b'{"messages": ["?"]}', "a role and a content"),
    ("completions", b"{}", "has no prompt"),
    ("completions", b'{"prompt": "?"}', "system_message needs the chat protocol"),
]


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    chain = "{use_system_prompt: true, custom_system_prompt: Be brief.}"
    with upstream(answer) as server, proxy(server.url, tmp_path, chain) as running:
        for path, body, words in NO_QUESTIONS:
            status, _, content = running.send("POST", f"/v1/{path}", body)
            assert status == 400
            assert words in json.loads(content)["error"]["message"]
        assert not server.asked


def test_what_is_no_completion_and_what_an_interceptor_makes_of_a_refusal(tmp_path: Path) -> None:
    replies = iter([(200, b"<html>"), (200, b'{"choices": []}'), (418, b"teapot"), (500, b"")])

    def odd(asked: Asked) -> None:
        status, content = next(replies)
        asked.answer(content, status, {"content-type": "text/plain"})

    with upstream(odd) as server, proxy(server.url, tmp_path, "interceptors: [raise_client_errors]") as running:
        found = [running.chat() for _ in range(4)]
        assert len(server.asked) == 4
    assert [status for status, _, _ in found] == [502, 502, 418, 500]
    assert b"not a completion" in found[0][2]
    assert b"raise_client_errors ends the benchmark on HTTP 418" in found[2][2]
    assert found[2][1]["x-should-retry"] == "false"
    assert (found[3][1]["content-type"], found[3][2]) == ("text/plain", b"")


def test_unreachable_and_too_late(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with proxy(url, tmp_path, QUIET) as running:
            found = [running.chat(), running.send("GET", "/v1/models")]
    assert [status for status, _, _ in found] == [502, 502]
    assert json.loads(found[0][2])["error"]["code"] == "upstream_unreachable"

    def wait(asked: Asked) -> None:
        asked.wait_for_the_end()

    with (
        upstream(wait) as server,
        proxy(server.url, tmp_path, QUIET, "--timeout", "0.2") as running,
    ):
        status, _, content = running.chat()
    assert (status, json.loads(content)["error"]["code"]) == (504, "upstream_timeout")
    assert "says nothing for 0.2 s" in json.loads(content)["error"]["message"]


@pytest.mark.parametrize(("retries", "status", "asked"), [(0, 503, 1), (1, 503, 2), (2, 200, 3)])
def test_one_in_is_one_out_unless_told_otherwise(retries: int, status: int, asked: int, tmp_path: Path) -> None:
    replies = iter([503, 503, 200])

    def flaky(asked: Asked) -> None:
        asked.answer(ANSWER, next(replies), {"content-type": "application/json", "retry-after": "0"})

    with upstream(flaky) as server, proxy(server.url, tmp_path, "", "--max-retries", str(retries)) as running:
        assert running.chat()[0] == status
        assert len(server.asked) == asked
