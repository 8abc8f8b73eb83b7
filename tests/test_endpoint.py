from __future__ import annotations

import pickle

import pytest

from pytest_nemo_eval.endpoint import Endpoint, Protocol, Secret, find_key, parse_url
from pytest_nemo_eval.errors import ConfigError
from tests.leaks import parts_shown


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("path", "protocol"),
    [("", Protocol.CHAT), ("/chat/completions", Protocol.CHAT), ("/completions", Protocol.COMPLETIONS)],
)
def test_urls(path: str, protocol: Protocol, slash: str) -> None:
    assert parse_url(f"https://host:8443/api/v1{path}{slash}") == ("https://host:8443/api/v1", protocol)


@pytest.mark.parametrize("url", ["host/v1", "ftp://host", "https://", "https://u:p@host/v1", "https://host/v1?a=b"])
def test_what_is_no_model_url(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_url(url)
    assert "u:p" not in str(caught.value)


def test_a_secret_shows_itself_to_reveal_only() -> None:
    secret = Secret("sk-1234")
    endpoint = Endpoint("https://h/v1", "m", api_key=secret)
    for text in (repr(secret), str(secret), f"{secret}", repr(endpoint)):
        assert "1234" not in text
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret.redact("bad key sk-1234!") == "bad key [key]!"
    assert secret.reveal() == "sk-1234"


def test_keys_of_known_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NVIDIA_API_KEY", "NGC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    nvidia = "https://integrate.api.nvidia.com/v1"
    assert find_key(nvidia, None) is None
    monkeypatch.setenv("NGC_API_KEY", "second")
    assert revealed(find_key(nvidia, None)) == "second"
    monkeypatch.setenv("NVIDIA_API_KEY", "first")
    assert revealed(find_key(nvidia, None)) == "first"
    assert find_key("https://elsewhere/v1", None) is None


def test_a_named_variable_must_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "abc")
    assert revealed(find_key("https://h/v1", "MY_KEY")) == "abc"
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(ConfigError, match="MY_KEY"):
        find_key("https://h/v1", "MY_KEY")


@pytest.mark.parametrize("ending", ["\n", "\r\n", " ", "\t \n"])
def test_white_space_around_a_key_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    monkeypatch.setenv("MY_KEY", f" sk-0123456789{ending}")
    monkeypatch.setenv("OPENAI_API_KEY", f"sk-0123456789{ending}")
    assert revealed(find_key("https://h/v1", "MY_KEY")) == "sk-0123456789"
    assert revealed(find_key("https://api.openai.com/v1", None)) == "sk-0123456789"


@pytest.mark.parametrize("key", ["sk-0123456789ü", "sk-0123456789\nsecond", "\u200bsk-0123456789", "sk-0123456789\x7f"])
def test_what_is_no_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("MY_KEY", key)
    with pytest.raises(ConfigError, match="MY_KEY: the value holds") as caught:
        find_key("https://h/v1", "MY_KEY")
    assert parts_shown("sk-0123456789", str(caught.value)) == set()
    with pytest.raises(ConfigError, match="copy it anew"):
        Secret(key)


@pytest.mark.parametrize("empty", ["", " \n"])
def test_an_empty_key_is_none(monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    monkeypatch.setenv("MY_KEY", empty)
    monkeypatch.setenv("OPENAI_API_KEY", empty)
    with pytest.raises(ConfigError, match="MY_KEY, which should hold the endpoint's key, is not set"):
        find_key("https://h/v1", "MY_KEY")
    assert find_key("https://api.openai.com/v1", None) is None


@pytest.mark.parametrize(
    "key",
    ["sk-0123456789abcdef", "nvapi-0123456789abcdef", "hf_0123456789abcdef", "a" * 40, "A" * 65, "0123456789", "$"],
)
def test_a_key_in_place_of_its_variable_is_not_shown(key: str) -> None:
    with pytest.raises(ConfigError, match="not shown") as caught:
        find_key("https://h/v1", key)
    assert key not in str(caught.value)
    assert parts_shown(key, str(caught.value)) == set()


def test_json_may_write_a_key_in_another_way() -> None:
    secret = Secret('sk-01/23"456')
    assert secret.redact_content(rb'["sk-01/23\"456", "sk-01\/23\"456", "sk-01"]') == b'["[key]", "[key]", "sk-01"]'
    assert Secret("EMPTY").redact_content(b"it is EMPTY") == b"it is EMPTY"


def revealed(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None
