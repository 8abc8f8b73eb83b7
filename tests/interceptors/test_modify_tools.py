from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pytest_nemo_eval import Request
from pytest_nemo_eval.interceptors.modify_tools import ModifyTools, ModifyToolsConfig
from tests.interceptors.asking import ask

Json = Any
TEXT = {"type": "string"}
NUMBER = {"type": "number"}


def built(**keys: object) -> ModifyTools:
    return ModifyTools(msgspec.convert(keys, ModifyToolsConfig))


def tool(properties: Json, **further: Json) -> Json:
    return {"type": "function", "function": {"name": "f", "parameters": {"properties": properties, **further}}}


def flat(properties: Json, **further: Json) -> Json:
    return {"type": "function", "name": "f", "parameters": {"properties": properties, **further}}


@pytest.mark.parametrize("shape", [tool, flat])
@pytest.mark.parametrize(
    ("keys", "before", "after"),
    [
        ({}, ({"a": TEXT}, ["a"]), ({"a": TEXT}, ["a"])),
        ({"strip_properties": ["a"]}, ({"a": TEXT, "b": TEXT}, ["a", "b"]), ({"b": TEXT}, ["b"])),
        ({"strip_properties": ["a"]}, ({"b": TEXT}, ["a", "b"]), ({"b": TEXT}, ["b"])),
        ({"strip_properties": ["a"]}, ({"a": TEXT}, ["a"]), ({}, [])),
        (
            {"strip_properties": ["a"]},
            ({"b": {"properties": {"a": TEXT}}}, []),
            ({"b": {"properties": {"a": TEXT}}}, []),
        ),
        ({"add_properties": {"a": NUMBER}}, ({"b": TEXT}, ["b"]), ({"b": TEXT, "a": NUMBER}, ["b"])),
        ({"add_properties": {"a": NUMBER}}, ({"a": TEXT}, []), ({"a": TEXT}, [])),
        ({"add_properties": {"a": NUMBER}}, ({}, []), ({"a": NUMBER}, [])),
        (
            {"strip_properties": ["a"], "add_properties": {"a": NUMBER}},
            ({"a": TEXT, "b": TEXT}, ["a"]),
            ({"b": TEXT, "a": NUMBER}, []),
        ),
        (dict.fromkeys(ModifyToolsConfig.__struct_fields__), ({"a": TEXT}, []), ({"a": TEXT}, [])),
    ],
)
def test_properties(shape: Any, keys: Json, before: Json, after: Json) -> None:
    request = Request(parameters={"n": 1, "tools": [shape(before[0], required=before[1], type="object")]})
    sent, _ = ask(built(**keys), request)
    tools = [shape(after[0], required=after[1], type="object")]
    assert sent == request.replace(parameters={"n": 1, "tools": tools})


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"n": 1},
        {"tools": None},
        {"tools": "a"},
        {"tools": []},
        {"tools": ["a", None]},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"function": "a"}]},
        {"tools": [{"function": {"name": "f"}}]},
        {"tools": [{"function": {"parameters": None}}]},
        {"tools": [{"function": {"parameters": {}}}]},
        {"tools": [{"function": {"parameters": {"properties": None, "required": ["a"]}}}]},
        {"a": 1, "properties": {"a": TEXT}},
    ],
)
def test_what_has_no_properties_stays(parameters: Json) -> None:
    request = Request(parameters=parameters)
    sent, _ = ask(built(strip_properties=["a"], add_properties={"b": TEXT}), request)
    assert sent == request


def test_every_tool_has_schemas_of_its_own() -> None:
    interceptor = built(add_properties={"a": NUMBER})
    request = Request(parameters={"tools": [tool({}), tool({})]})
    sent, _ = ask(interceptor, request)
    tools: Json = sent.parameters["tools"]
    tools[0]["function"]["parameters"]["properties"]["a"]["type"] = "changed"
    assert tools[1] == tool({"a": NUMBER})
    assert ask(interceptor, request)[0].parameters["tools"] == [tool({"a": NUMBER})] * 2


@pytest.mark.parametrize("keys", [{"strip": []}, {"strip_properties": "a"}, {"add_properties": {"a": "string"}}])
def test_keys_are_strict(keys: Json) -> None:
    with pytest.raises(msgspec.ValidationError):
        built(**keys)
