"""What every server of ours answers, whatever stands between the front and the model."""

from __future__ import annotations

import http.client
import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pytest_nemo_eval.launchers import Server

CAPITALS = ("France", "Italy", "Japan", "Spain", "Egypt")


class Asked:
    """A server that is asked; its model is called ``smol``."""

    def __init__(self, server: Server) -> None:
        self._address = (server.host, server.port)

    def post(self, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(*self._address, timeout=300)
        try:
            connection.request(
                "POST", path, json.dumps({"model": "smol", **body}), {"content-type": "application/json"}
            )
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def chat(self, question: str, **body: Any) -> dict[str, Any]:
        ask = {"messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": 12}
        status, reply = self.post("/v1/chat/completions", **{**ask, **body})
        assert status == 200, reply
        return reply

    def complete(self, **body: Any) -> dict[str, Any]:
        status, reply = self.post("/v1/completions", **body)
        assert status == 200, reply
        return reply


def check(server: Server) -> None:
    """All of it."""
    asked = Asked(server)
    check_answers(asked)
    check_scores(asked)
    check_chance(asked)
    check_refusals(asked)


def check_answers(asked: Asked) -> None:
    """Greedy answers are the same one by one and together; usage and stop strings are what they should be."""
    questions = [f"What is the capital of {country}?" for country in CAPITALS]
    alone = [asked.chat(question) for question in questions]
    with ThreadPoolExecutor(len(questions)) as pool:
        together = list(pool.map(asked.chat, questions))
    texts = [reply["choices"][0]["message"]["content"] for reply in alone]
    assert [reply["choices"][0]["message"]["content"] for reply in together] == texts
    assert "Paris" in texts[0]
    assert alone[0]["usage"] == together[0]["usage"]
    assert alone[0]["usage"]["completion_tokens"] <= 12
    assert alone[0]["choices"][0]["finish_reason"] == "stop"
    cut = asked.chat(questions[0], stop=["Paris"])["choices"][0]
    assert (cut["message"]["content"], cut["finish_reason"]) == (texts[0].partition("Paris")[0], "stop")
    short = asked.chat(questions[0], max_tokens=2)
    assert (short["choices"][0]["finish_reason"], short["usage"]["completion_tokens"]) == ("length", 2)
    told = asked.chat(questions[0], logprobs=True, top_logprobs=3)["choices"][0]["logprobs"]["content"]
    assert "".join(entry["token"] for entry in told) == texts[0]
    assert all(entry["logprob"] == entry["top_logprobs"][0]["logprob"] for entry in told)  # greedy is the likeliest


def check_scores(asked: Asked) -> None:
    """A prompt's log-probabilities are those of its tokens one after another, in a batch too."""
    prompt = "The capital of France is Paris."
    told = asked.complete(prompt=prompt, echo=True, logprobs=1, max_tokens=0)["choices"][0]
    logprobs = told["logprobs"]
    assert told["text"] == prompt == "".join(logprobs["tokens"])
    assert logprobs["token_logprobs"][0] is None
    assert all(value < 0 for value in logprobs["token_logprobs"][1:])
    assert [prompt[place:].startswith(token) for place, token in zip(*places(logprobs), strict=True)].count(False) == 0
    likelier = asked.complete(prompt=["The capital of France is Berlin.", prompt], echo=True, logprobs=0, max_tokens=0)
    sums = [sum(choice["logprobs"]["token_logprobs"][1:]) for choice in likelier["choices"]]
    assert sums[1] > sums[0] + 1
    assert math.isclose(sums[1], sum(logprobs["token_logprobs"][1:]), abs_tol=1e-3)
    step = asked.complete(prompt="The capital of France is", logprobs=1, max_tokens=1, temperature=0)["choices"][0]
    after = asked.complete(prompt="The capital of France is" + step["text"], echo=True, logprobs=1, max_tokens=0)
    assert math.isclose(
        step["logprobs"]["token_logprobs"][0],
        after["choices"][0]["logprobs"]["token_logprobs"][-1],
        abs_tol=1e-3,
    )


def places(logprobs: dict[str, Any]) -> tuple[list[int], list[str]]:
    return logprobs["text_offset"], logprobs["tokens"]


def check_chance(asked: Asked) -> None:
    """Seeds repeat, choices differ, and one token to choose from is no choice."""

    def drawn(**body: Any) -> list[str]:
        ask = {"prompt": "Once upon a time", "max_tokens": 8, "n": 2, "temperature": 1.5, **body}
        return [choice["text"] for choice in asked.complete(**ask)["choices"]]

    first = drawn(seed=1)
    assert first == drawn(seed=1)
    assert len({*first, *drawn(seed=3)}) > 2
    greedy = drawn(temperature=0)
    assert greedy == drawn(top_k=1) == drawn(top_p=0.0)
    assert greedy[0] == greedy[1]


def check_refusals(asked: Asked) -> None:
    assert asked.post("/v1/completions", prompt="x", max_tokens=5000)[0] == 400
    assert asked.post("/v1/completions", prompt="x " * 3000)[0] == 400
    assert asked.post("/v1/completions", prompt="x", stream=True)[0] == 400
    assert asked.post("/v1/completions", model="other", prompt="x")[0] == 404
    assert asked.post("/v1/completions/", prompt="x", max_tokens=1)[0] == 200
    assert asked.post("/v1/embeddings", input="x")[0] == 404
