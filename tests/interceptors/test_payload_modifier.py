from __future__ import annotations

import copy
from typing import Any

import anyio
import msgspec
import pytest

from pytest_nemo_eval import Message, Request, Response
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.interceptors import CallNext, chain
from pytest_nemo_eval.interceptors.payload_modifier import PayloadModifier, PayloadModifierConfig
from tests.interceptors.asking import ask

Keys = dict[str, Any]


def built(**keys: object) -> PayloadModifier:
    return PayloadModifier(msgspec.convert(keys, PayloadModifierConfig))


def removing(*names: str) -> Keys:
    return {"params_to_remove": names}


def renaming(**names: str) -> Keys:
    return {"params_to_rename": names}


def adding(**values: object) -> Keys:
    return {"params_to_add": values}


KWARGS = "chat_template_kwargs"


@pytest.mark.parametrize(
    ("rules", "before", "after"),
    [
        ({}, {"seed": 1, "a": [{"b": 2}]}, {"seed": 1, "a": [{"b": 2}]}),
        (dict.fromkeys(PayloadModifierConfig.__struct_fields__), {"seed": 1}, {"seed": 1}),
        (removing("seed"), {"seed": 1, "n": 2}, {"n": 2}),
        (removing("seed", "n"), {"seed": 1, "n": 2}, {}),
        (removing("seed"), {"n": 2}, {"n": 2}),
        (removing("seed"), {"seed": None, "n": None}, {"n": None}),
        (removing("seed"), {"extra": {"seed": 1, "deep": {"seed": 2, "n": 3}}}, {"extra": {"deep": {"n": 3}}}),
        (removing("strict"), {"tools": [{"strict": 1, "type": "f"}, "x"]}, {"tools": [{"type": "f"}, "x"]}),
        (removing("a"), {"x": [[{"a": 1}, {"b": 2}]]}, {"x": [[{}, {"b": 2}]]}),
        (removing("seed"), {"stop": ["seed"], "user": "seed"}, {"stop": ["seed"], "user": "seed"}),
        (removing("extra"), {"extra": {"deep": {"n": 3}}, "n": 1}, {"n": 1}),
        (removing("Seed"), {"seed": 1}, {"seed": 1}),
        (renaming(max_tokens="max_new_tokens"), {"max_tokens": 5, "n": 1}, {"max_new_tokens": 5, "n": 1}),
        (renaming(max_tokens="max_new_tokens"), {"n": 1}, {"n": 1}),
        (renaming(a="b"), {"x": {"a": 1, "y": [{"a": 2}]}}, {"x": {"b": 1, "y": [{"b": 2}]}}),
        (renaming(a="b"), {"a": {"a": 1}}, {"b": {"b": 1}}),
        (renaming(a="b"), {"a": 1, "b": 2}, {"b": 1}),
        (renaming(a="b"), {"b": 2, "a": 1}, {"b": 1}),
        (renaming(a="b", b="a"), {"a": 1, "b": 2}, {"b": 1, "a": 2}),
        (renaming(a="b", b="c"), {"a": 1, "b": 2}, {"b": 1, "c": 2}),
        (renaming(a="b", b="c"), {"a": 1}, {"b": 1}),
        (renaming(a="a"), {"a": 1}, {"a": 1}),
        (adding(top_k=5), {}, {"top_k": 5}),
        (adding(top_k=5), {"top_k": 1, "n": 1}, {"top_k": 5, "n": 1}),
        (adding(x={"a": 1}), {"x": {"b": 2}}, {"x": {"a": 1}}),
        (adding(x=None), {"x": 1}, {"x": None}),
        (adding(**{KWARGS: {"enable_thinking": False}}), {"n": 1}, {"n": 1, KWARGS: {"enable_thinking": False}}),
        (adding(stop=["\n"], seed=3), {}, {"stop": ["\n"], "seed": 3}),
        (removing("a") | renaming(a="b"), {"a": 1}, {}),
        (removing("a") | renaming(b="a"), {"a": 1, "b": 2}, {"a": 2}),
        (removing("a") | adding(a=3), {"a": 1, "x": {"a": 1}}, {"a": 3, "x": {}}),
        (renaming(a="b") | adding(a=3), {"a": 1}, {"b": 1, "a": 3}),
        (renaming(a="b") | adding(b=3), {"a": 1}, {"b": 3}),
        (removing("a") | adding(x={"a": 1}), {}, {"x": {"a": 1}}),
        (removing("temperature", "top_p"), {"temperature": 0.5, "top_p": 0.9, "n": 1}, {"n": 1}),
        (removing("a", "b"), {"a": {"b": 1}, "x": {"b": {"a": 1}}}, {"x": {}}),
        (removing("a"), {"x": {"a": {"deep": 1}, "y": []}}, {"x": {"y": []}}),
        (removing("ß"), {"ß": 1, "ss": 2}, {"ss": 2}),
        (removing("a.b"), {"a": {"b": 1}, "a.b": 2}, {"a": {"b": 1}}),
        (removing(), {"a": 1}, {"a": 1}),
        (renaming(a="x", b="y"), {"a": 1, "b": 2, "c": 3}, {"x": 1, "y": 2, "c": 3}),
        (renaming(a="b"), {"tools": [{"a": 1}, {"b": 2}, 3]}, {"tools": [{"b": 1}, {"b": 2}, 3]}),
        (renaming(max_tokens="max_completion_tokens"), {"max_tokens": 0}, {"max_completion_tokens": 0}),
        (renaming(max_tokens="max_completion_tokens"), {"max_tokens": None}, {"max_completion_tokens": None}),
        (adding(a=1, b=[1, {"c": 2}]), {"b": 0}, {"a": 1, "b": [1, {"c": 2}]}),
        (adding(a=False, b="", c=[]), {}, {"a": False, "b": "", "c": []}),
        (adding(a=1), {"x": {"a": 2}}, {"x": {"a": 2}, "a": 1}),
        (
            removing("seed", "logprobs") | renaming(max_tokens="max_completion_tokens") | adding(top_k=1),
            {"seed": 1, "max_tokens": 9, "logprobs": True, "stop": ["x"]},
            {"max_completion_tokens": 9, "stop": ["x"], "top_k": 1},
        ),
        (removing("seed") | adding(seed=2), {"seed": 1}, {"seed": 2}),
    ],
)
def test_parameters(rules: Keys, before: Keys, after: Keys) -> None:
    for request in (
        Request(messages=(Message("user", "seed"),), parameters=before, headers={"X-A": "1"}, sample_id="s", repeat=2),
        Request(prompt="seed", parameters=before),
    ):
        sent, _ = ask(built(**rules), request)
        assert sent == request.replace(parameters=after)


@pytest.mark.parametrize(
    ("rules", "before", "after"),
    [
        ({}, {"X-A": "1"}, {"X-A": "1"}),
        ({"headers_to_remove": ["x-a"]}, {"X-A": "1", "X-B": "2"}, {"x-b": "2"}),
        ({"headers_to_remove": ["X-A"]}, {"x-a": "1"}, {}),
        ({"headers_to_remove": ["X-C"]}, {"x-a": "1"}, {"x-a": "1"}),
        ({"headers_to_rename": {"X-A": "X-B"}}, {"x-a": "1"}, {"x-b": "1"}),
        ({"headers_to_rename": {"X-A": "X-B"}}, {"x-a": "1", "X-b": "2"}, {"x-b": "1"}),
        ({"headers_to_rename": {"X-A": "X-B", "x-b": "x-a"}}, {"X-A": "1", "X-B": "2"}, {"x-b": "1", "x-a": "2"}),
        ({"headers_to_add": {"X-Team": "Blue"}}, {}, {"x-team": "Blue"}),
        ({"headers_to_add": {"X-Team": "Blue"}}, {"x-TEAM": "red"}, {"x-team": "Blue"}),
        ({"headers_to_add": {"Authorization": "Basic eA=="}}, {}, {"authorization": "Basic eA=="}),
        (
            {"headers_to_remove": ["a"], "headers_to_rename": {"b": "a"}, "headers_to_add": {"b": "3"}},
            {"A": "1", "B": "2"},
            {"a": "2", "b": "3"},
        ),
    ],
)
def test_headers(rules: Keys, before: dict[str, str], after: dict[str, str]) -> None:
    request = Request(prompt="?", parameters={"n": 1}, headers=before)
    sent, _ = ask(built(**rules), request)
    assert sent == request.replace(headers=after)


@pytest.mark.parametrize("name", ["model", "messages", "prompt"])
@pytest.mark.parametrize(
    ("rule", "shape"),
    [
        ("params_to_remove", lambda name: [name]),
        ("params_to_rename", lambda name: {name: "x"}),
        ("params_to_rename", lambda name: {"x": name}),
        ("params_to_add", lambda name: {name: "x"}),
    ],
)
def test_what_is_no_parameter_is_refused(rule: str, shape: Any, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"payload_modifier\.{rule} names '{name}', which is no parameter"):
        built(**{rule: shape(name)})


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"headers_to_add": {"Content-Length": "3"}}, "'content-length' belongs to the connection"),
        ({"headers_to_add": {"HOST": "x"}}, "'host' belongs to the connection"),
        ({"headers_to_rename": {"x": "Transfer-Encoding"}}, "'transfer-encoding' belongs to the connection"),
        ({"headers_to_add": {"X Y": "1"}}, "'x y' is no name of a header"),
        ({"headers_to_add": {"": "1"}}, "'' is no name of a header"),
        ({"headers_to_rename": {"x": "a:b"}}, "'a:b' is no name of a header"),
        ({"headers_to_add": {"x": "1\r\nHost: y"}}, "the value of 'x' holds a control character"),
        ({"headers_to_add": {"X": "1", "x": "2"}}, "headers_to_add names a header twice"),
        ({"headers_to_rename": {"X": "a", "x": "b"}}, "headers_to_rename names a header twice"),
        ({"headers_to_rename": {"x": "a", "y": "A"}}, "headers_to_rename renames two to 'a'"),
        ({"params_to_rename": {"x": "a", "y": "a"}}, "params_to_rename renames two to 'a'"),
    ],
)
def test_rules_that_cannot_be(rules: Keys, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        built(**rules)


@pytest.mark.parametrize(
    "keys",
    [{"param_to_add": {}}, {"params_to_remove": "seed"}, {"params_to_rename": {"a": 1}}, {"headers_to_add": {"a": 1}}],
)
def test_keys_are_strict(keys: Keys) -> None:
    with pytest.raises(msgspec.ValidationError):
        built(**keys)


def test_a_careless_interceptor_changes_neither_the_rules_nor_the_request_before_it() -> None:
    added = {"x": {"a": [1]}}
    modifier = built(params_to_add=copy.deepcopy(added))
    request = Request(prompt="?", parameters={"y": {"b": [2]}})

    async def careless(request: Request, call_next: CallNext) -> Response:
        parameters: Any = request.parameters
        parameters["x"]["a"].append(9)
        parameters["y"]["b"].append(9)
        return await call_next(request)

    async def send(request: Request) -> Response:
        return Response(text="4")

    anyio.run(chain([modifier, careless], send), request)
    sent, _ = ask(modifier, request)
    assert sent.parameters == {"y": {"b": [2]}, **added}
