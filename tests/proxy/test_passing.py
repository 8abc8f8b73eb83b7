"""What comes in goes on as it is, but for what interceptors change."""

from __future__ import annotations

import json
import socket
from http.client import IncompleteRead
from pathlib import Path

import pytest

from pytest_nemo_eval.proxy.asked import carried
from tests.proxy.running import Asked, completion, proxy, upstream

KEY = "sk-0123456789abcdef"
QUIET = "interceptors: [response_stats, {name: turn_counter, config: {max_turns: 100}}]"
ODD = (
    b'{ "model":"m", "messages":[{"role":"user","name":"ann"}], "top_p":1.0, "seed":123456789012345678901, '
    b'"e":"\\u00fc" }'
)
ANSWER = json.dumps(completion("4")).replace(": ", " :  ").encode()


def answer(asked: Asked) -> None:
    asked.answer(ANSWER, headers={"Content-Type": "application/json", "X-Request-Id": "r1", "Set-Cookie": "a=b"})


def test_bodies_and_headers_that_nobody_changes_are_the_same_bytes(tmp_path: Path) -> None:
    with upstream(answer) as server, proxy(server.url, tmp_path, QUIET) as running:
        headers = {
            "Content-Type": "application/json",
            "X-Team": "eval",
            "User-Agent": "me",
            "Authorization": f"Bearer {KEY}",
            "Connection": "keep-alive, X-Hop",
            "X-Hop": "1",
            "Accept-Encoding": "gzip",
        }
        status, told, content = running.send("POST", "/v1/chat/completions?api-version=1", ODD, headers)
        (asked,) = server.asked
    assert (status, content) == (200, ANSWER)
    assert (told["x-request-id"], told["set-cookie"]) == ("r1", "a=b")
    assert asked.path == "/v1/chat/completions?api-version=1"
    assert asked.content == ODD
    assert asked.headers["host"] == server.url.split("/")[2]
    assert {name: asked.headers[name] for name in ("x-team", "user-agent", "authorization", "content-type")} == {
        "x-team": "eval",
        "user-agent": "me",
        "authorization": f"Bearer {KEY}",
        "content-type": "application/json",
    }
    assert asked.headers["accept-encoding"] == "identity"
    assert "x-hop" not in asked.headers


def test_headers_that_come_twice_are_told_as_one_list() -> None:
    headers = [("X-Tag", "a"), ("x-tag", "b"), ("Connection", "X-Hop"), ("Connection", "x-other"), ("X-Hop", "1")]
    assert carried([*headers, ("X-Other", "2"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")]) == {
        "x-tag": "a, b",
        "set-cookie": "c=d",
    }


@pytest.mark.parametrize("end", ["", "/v1", "/v1/", "/v1/chat/completions", "/v1/completions"])
def test_routes(end: str, tmp_path: Path) -> None:
    with upstream(answer) as server:
        base = server.url.removesuffix("/v1")
        with proxy(base + end, tmp_path) as running:
            for path in ("/v1/chat/completions", "/chat/completions", "/s/a%20b/v1/chat/completions"):
                assert running.chat(path)[0] == 200
        assert [one.path for one in server.asked] == [("/v1" if end else "") + "/chat/completions"] * 3


ELSEWHERE = [
    ("GET", "/v1/models", "/v1/models"),
    ("GET", "/v1/models/a%2Fb?x=1&y=%20", "/v1/models/a%2Fb?x=1&y=%20"),
    ("POST", "/v1/embeddings", "/v1/embeddings"),
    ("POST", "/v1/responses", "/v1/responses"),
    ("GET", "/metrics", "/metrics"),
    ("GET", "/s/abc/v1/models", "/v1/models"),
    ("GET", "/v1/chat/completions", "/v1/chat/completions"),
    ("DELETE", "/v1/files/f1", "/v1/files/f1"),
]


def test_all_else_passes_untouched(tmp_path: Path) -> None:
    def odd(asked: Asked) -> None:
        asked.answer(b"\x00\xff" * 70_000, 418, {"Content-Type": "x/y", "X-More": "1"})

    with upstream(odd) as server, proxy(server.url, tmp_path, QUIET) as running:
        for method, path, gone in ELSEWHERE:
            sent = b"\xff\x00" if method == "POST" else b""
            status, told, content = running.send(method, path, sent, {"X-Team": "eval"})
            asked = server.asked.pop()
            assert (asked.method, asked.path, asked.content, asked.headers["x-team"]) == (method, gone, sent, "eval")
            assert (status, told["content-type"], told["x-more"], content) == (418, "x/y", "1", b"\x00\xff" * 70_000)


def test_a_break_of_what_passes_is_seen_as_one(tmp_path: Path) -> None:
    def broken(asked: Asked) -> None:
        asked.begin(200, {"content-length": "100"})
        asked.write(b"half")
        asked.break_off()

    with (
        upstream(broken) as server,
        proxy(server.url, tmp_path) as running,
        running.open("GET", "/v1/models") as reply,
        pytest.raises(IncompleteRead, match="4 bytes read"),
    ):
        reply.read()


def test_a_path_that_is_none_and_a_body_that_is_larger_than_a_megabyte(tmp_path: Path) -> None:
    with upstream(answer) as server, proxy(server.url, tmp_path, QUIET) as running:
        for path in (b"@other.example/", b"http://other.example/v1/models"):
            with socket.create_connection(("127.0.0.1", running.port), 20) as connection:
                connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                assert connection.recv(12)[8:] == b" 400"
        assert not server.asked
        assert running.chat(long="x" * 3_000_000)[0] == 200
        assert len(server.bodies[0]["long"]) == 3_000_000


def test_health_asks_nobody(tmp_path: Path) -> None:
    with upstream(answer) as server, proxy(server.url, tmp_path) as running:
        assert running.send("GET", "/health")[0] == 200
        assert not server.asked


def test_the_upstreams_key_takes_the_place_of_the_clients(tmp_path: Path) -> None:
    def leaky(asked: Asked) -> None:
        asked.answer({"error": {"message": f"no: {asked.headers['authorization']}"}}, 400)

    options = ("--api-key-env", "UPSTREAM_KEY")
    with upstream(leaky) as server, proxy(server.url, tmp_path, QUIET, *options, UPSTREAM_KEY=KEY) as running:
        headers = {"Authorization": "Bearer clients-own", "Content-Type": "application/json"}
        _, _, content = running.send("POST", "/v1/chat/completions", ODD, headers)
        running.send("GET", "/v1/models", headers=headers)
        assert [one.headers["authorization"] for one in server.asked] == [f"Bearer {KEY}"] * 2
        _, out, error = running.end()
    assert b"[key]" in content
    assert KEY not in content.decode() + out + error


def test_a_model_where_the_body_names_none(tmp_path: Path) -> None:
    with upstream(answer) as server, proxy(server.url, tmp_path, "", "--model-id", "default") as running:
        for body in ({}, {"model": None}, {"model": "other"}):
            running.send("POST", "/v1/chat/completions", {"messages": [], **body})
            running.send("POST", "/v1/completions", {"prompt": "x", **body})
        assert [one["model"] for one in server.bodies] == ["default"] * 4 + ["other"] * 2


def test_what_interceptors_change_is_all_that_changes(tmp_path: Path) -> None:
    more = {"refusal": None, "annotations": [1], "reasoning": None, "odd": {"a": 1}}
    whole = completion("<think>Hm.</think>4", **more)
    second = {"index": 1, "message": {"role": "assistant", "content": "<think>x</think>5"}, "finish_reason": "length"}
    whole["choices"].append(second)
    chain = "interceptors: [finish_reason, reasoning, {name: payload_modifier, config: {params_to_remove: [seed]}}]"
    with upstream(lambda asked: asked.answer(whole)) as server, proxy(server.url, tmp_path, chain) as running:
        message = {"role": "user", "content": [{"type": "text", "text": "?"}], "name": "ann"}
        sent = {"model": "m", "messages": [message], "seed": 1, "max_tokens": 5, "n": 2, "odd": {"a": [None]}}
        _, told, content = running.send("POST", "/v1/chat/completions", sent)
        assert server.bodies == [{key: value for key, value in sent.items() if key != "seed"}]
    expected = json.loads(json.dumps(whole))
    first, second = expected["choices"]
    first["message"] |= {"content": "4", "reasoning_content": "Hm."}
    first["message"].pop("reasoning")
    second["message"] |= {"content": "5", "reasoning_content": "x"}
    assert json.loads(content) == expected
    assert told["content-type"] == "application/json"


def test_a_finish_reason_that_an_interceptor_changes(tmp_path: Path) -> None:
    """Of one choice: the tokens of several are told together."""
    whole = completion("4")
    with (
        upstream(lambda asked: asked.answer(whole)) as server,
        proxy(server.url, tmp_path, "interceptors: [finish_reason]") as running,
    ):
        answers = [json.loads(running.chat(max_tokens=5, n=n)[2])["choices"][0]["finish_reason"] for n in (1, 2)]
    assert answers == ["length", "stop"]


OWN = """
from pytest_nemo_eval import Response
async def own(request, call_next):
    return Response(text="mine", reasoning="why")
"""


def test_an_interceptor_that_answers_by_itself(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    with upstream(answer) as server, proxy(server.url, tmp_path, 'interceptors: ["mine:own"]') as running:
        whole = json.loads(running.chat()[2])
        text = json.loads(running.send("POST", "/v1/completions", {"model": "m", "prompt": "?"})[2])
        assert not server.asked
    assert (whole["object"], whole["model"], whole["usage"]["total_tokens"]) == ("chat.completion", "m", 0)
    assert whole["choices"] == [
        {
            "index": 0,
            "logprobs": None,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "mine", "reasoning_content": "why"},
        }
    ]
    assert (text["object"], text["choices"][0]["text"]) == ("text_completion", "mine")


def test_a_cache_gives_back_all_of_it(tmp_path: Path) -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    whole = completion(None, tool_calls=calls)
    chain = f"interceptors: [{{name: caching, config: {{cache_dir: '{tmp_path}/cache'}}}}]"
    with upstream(lambda asked: asked.answer(whole)) as server:
        for _ in range(2):
            with proxy(server.url, tmp_path, chain) as running:
                assert json.loads(running.chat()[2]) == whole
                running.chat(model="other")
                running.end()
        with proxy(server.url, tmp_path, chain, "--model-id", "other") as running:
            running.chat()
        assert len(server.asked) == 3
