from __future__ import annotations

import json

import pytest

from pytest_nemo_eval.chat import Json, Message, Request
from pytest_nemo_eval.interceptors.shown import show_body, show_headers, show_text

IMAGE = "data:image/png;base64," + "iVBORw0K" * 200


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        (f"see {IMAGE} there", "see data:image/png;base64,[1600 characters] there"),
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer [key]"),
        ("with nvapi-0123456789abcdefghij!", "with [key]!"),
        ("a basic question", "a basic question"),
        ("x" * 60, "x" * 60),
        ("x" * 65, "x" * 60 + "… [5 more characters]"),
    ],
)
def test_texts(text: str, shown: str) -> None:
    assert show_text(text, 60) == shown


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("Authorization", True),
        ("proxy-authorization", True),
        ("X-API-Key", True),
        ("apikey", True),
        ("Set-Cookie", True),
        ("X-Auth-Token", True),
        ("Ocp-Apim-Subscription-Key", True),
        ("client-secret", True),
        ("X-Team", False),
        ("content-type", False),
        ("x-max-tokens", False),
    ],
)
def test_headers(name: str, hidden: bool) -> None:
    assert show_headers({name: "value"}) == {name: "[key]" if hidden else "value"}


def test_bodies_are_copied_and_searched_to_the_bottom() -> None:
    parameters: dict[str, Json] = {
        "max_tokens": 5,
        "content": [{"image_url": {"url": IMAGE}}],
        "tools": {"api_key": "secret", "note": "n" * 50},
    }
    request = Request(messages=(Message("user", "hi"),), parameters=parameters)
    assert show_body(request, 30) == {
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 5,
        "content": [{"image_url": {"url": "data:image/png;base64,[1600 ch… [9 more characters]"}}],
        "tools": {"api_key": "[key]", "note": "n" * 30 + "… [20 more characters]"},
    }
    assert parameters["tools"] == {"api_key": "secret", "note": "n" * 50}


def test_what_nests_deeper_than_python_follows_is_cut_off() -> None:
    deep: Json = "bottom"
    for _ in range(100_000):
        deep = [deep]
    shown = json.dumps(show_body(Request(parameters={"deep": deep})))
    assert shown.endswith('"[deeper]"' + "]" * 50 + "}")
