"""What every backend keeps to."""

from __future__ import annotations

import re

import msgspec
import pytest

from pytest_nemo_eval.backends import BACKENDS, Backend, create_backend
from pytest_nemo_eval.config import options
from pytest_nemo_eval.config.settings import DeploymentSettings
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.server import HOST, PORT, ServerCommand

KEYS = ("VLLM_API_KEY", "OPENAI_API_KEY", "NVIDIA_API_KEY", "NGC_API_KEY", "HF_TOKEN")
PLANNED = [name for name in options.BACKENDS if name not in (*BACKENDS, "hosted")]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return create_backend(request.param)


def deployment(backend: Backend, **settings: object) -> DeploymentSettings:
    settings = {"type": backend.name, "model_path": "org/Model-1B", **settings}
    return DeploymentSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", BACKENDS)
def test_the_table_and_the_backend_agree_on_the_name(name: str) -> None:
    assert create_backend(name).name == name
    assert name in options.BACKENDS


def test_backends_are_values(backend: Backend) -> None:
    assert create_backend(backend.name) == backend
    with pytest.raises(AttributeError):
        backend.name = "other"  # type: ignore[misc]


def test_equal_settings_make_equal_commands(backend: Backend) -> None:
    first = backend.command(deployment(backend))
    backend.command(
        deployment(backend, model_path="org/Other", environment={"A": "1"}, server_args={"dtype": "float16"})
    )
    assert backend.command(deployment(backend)) == first


def test_a_command_depends_on_the_settings_alone(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    first = backend.command(deployment(backend))
    for name in KEYS:
        monkeypatch.setenv(name, "sk-secret")
    assert backend.command(deployment(backend)) == first
    assert b"sk-secret" not in msgspec.json.encode(first)


def test_a_command_crosses_processes_as_json(backend: Backend) -> None:
    made = backend.command(deployment(backend, port=8080, environment={"A": "ü"}))
    assert msgspec.json.decode(msgspec.json.encode(made), type=ServerCommand) == made


@pytest.mark.parametrize("port", [None, 8080])
def test_the_address_is_filled_in_by_who_knows_it(backend: Backend, port: int | None) -> None:
    made = backend.command(deployment(backend, port=port))
    assert made.port == port
    assert PORT in " ".join(made.argv)
    assert HOST in " ".join(made.argv)
    words = made.at("10.1.2.3", 45678)
    assert len(words) == len(made.argv)
    assert "45678" in " ".join(words)
    assert "10.1.2.3" in " ".join(words)
    assert not any(PORT in word or HOST in word for word in words)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "Model-1B"),
        ({"model_path": "/models/Model-2B/"}, "Model-2B"),
        ({"model_path": "Model-3B"}, "Model-3B"),
        ({"model_path": "/"}, "model"),
        ({"served_model_name": "prod/model"}, "prod/model"),
    ],
)
def test_the_model_id_is_the_served_name(backend: Backend, settings: dict[str, object], name: str) -> None:
    made = backend.command(deployment(backend, **settings))
    assert made.model_id == name
    assert any(name in word for word in made.argv)


def test_the_model_stands_on_the_command_line(backend: Backend) -> None:
    assert any("org/Model-1B" in word for word in backend.command(deployment(backend)).argv)


def test_the_users_environment_reaches_the_server(backend: Backend) -> None:
    assert backend.command(deployment(backend, environment={"MINE": "1"})).environment["MINE"] == "1"


def test_readiness_can_be_probed(backend: Backend) -> None:
    probe = backend.command(deployment(backend)).probe
    assert probe.paths
    assert all(path.startswith("/") for path in probe.paths)


def test_hints_are_single_lines_with_advice(backend: Backend) -> None:
    for hint in backend.command(deployment(backend)).hints:
        assert hint.text.strip()
        assert hint.advice.strip()
        assert "\n" not in hint.text + hint.advice


@pytest.mark.parametrize("name", PLANNED)
def test_backends_of_later_versions(name: str) -> None:
    words = f"{name} is not available in this version (available: {', '.join(BACKENDS)})"
    with pytest.raises(ConfigError, match=re.escape(words)):
        create_backend(name)


def test_an_unknown_backend_is_named_beside_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"vlm.*vllm"):
        create_backend("vlm")
