from __future__ import annotations

import pickle

import pytest

from pytest_nemo_eval.endpoint import Endpoint, Protocol, Secret, find_key, parse_url
from pytest_nemo_eval.errors import ConfigError


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


def revealed(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None
