from __future__ import annotations

import pytest

from pytest_nemo_eval import backends, launchers
from pytest_nemo_eval.config.options import (
    BACKENDS,
    LAUNCHERS,
    EvalSettings,
    check_settings,
    parse_backend,
    resolve_serving,
)
from pytest_nemo_eval.config.settings import (
    DeploymentSettings,
    EndpointSettings,
    ExecutionSettings,
    SuiteSettings,
    TargetSettings,
)
from pytest_nemo_eval.endpoint import Protocol
from pytest_nemo_eval.errors import ConfigError

PAGE = SuiteSettings(
    deployment=DeploymentSettings(model_path="/path/to/model", port=8080),
    execution=ExecutionSettings(),
    target=TargetSettings(
        api_endpoint=EndpointSettings(url="http://localhost:8080/v1/chat/completions", model_id="deployed-model")
    ),
)
HOSTED = SuiteSettings(
    target=TargetSettings(
        api_endpoint=EndpointSettings(url="https://api.openai.com/v1", model_id="gpt-4", api_key="${OPENAI_API_KEY}")
    )
)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("vllm", ("local", "vllm")),
        ("slurm", ("slurm", None)),
        ("slurm:triton", ("slurm", "triton")),
        ("lepton:vllm", ("lepton", "vllm")),
        ("local", ("local", None)),
        ("hosted", ("local", "hosted")),
    ],
)
def test_backend_launcher_or_both(text: str, parsed: tuple[str, str]) -> None:
    assert parse_backend(text) == parsed


@pytest.mark.parametrize("text", ["vlm", "slurm:", "vllm:slurm", ":vllm", "slurm:vllm:x"])
def test_unknown_backends(text: str) -> None:
    with pytest.raises(ConfigError, match="--backend"):
        parse_backend(text)


def test_where_both_sections_stand_the_deployment_wins() -> None:
    serving = resolve_serving(EvalSettings(), PAGE)
    assert (serving.backend, serving.launcher, serving.url) == ("vllm", "local", None)
    assert serving.deployment.port == 8080
    assert serving.deployment.served_model_name == "deployed-model"


def test_a_port_that_contradicts_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"deployment\.port is 9000.*8080"):
        resolve_serving(EvalSettings(), read_with_port(9000))


def read_with_port(port: int) -> SuiteSettings:
    import msgspec

    deployment = msgspec.structs.replace(PAGE.deployment, port=port)  # type: ignore[type-var]  # it is not None
    return msgspec.structs.replace(PAGE, deployment=deployment)


def test_the_command_line_overrides_the_file() -> None:
    settings = EvalSettings(model_path="/other", backend="slurm", tensor_parallel_size=4, served_model_name="x")
    serving = resolve_serving(settings, PAGE)
    assert serving.deployment.model_path == "/other"
    assert serving.deployment.tensor_parallelism == 4
    assert serving.deployment.served_model_name == "x"
    assert (serving.backend, serving.launcher, serving.execution.backend) == ("vllm", "slurm", "slurm")


def test_slurm_sets_the_place_only() -> None:
    suite = SuiteSettings(deployment=DeploymentSettings(type="triton", model_path="/m"))
    assert resolve_serving(EvalSettings(backend="slurm"), suite).backend == "triton"
    assert resolve_serving(EvalSettings(backend="slurm:ray"), suite).backend == "ray"


def test_a_url_alone_is_hosted_and_never_takes_another_hosts_key() -> None:
    serving = resolve_serving(EvalSettings(model_url="https://elsewhere/v1/completions"), HOSTED)
    assert (serving.backend, serving.url, serving.protocol) == ("hosted", "https://elsewhere/v1", Protocol.COMPLETIONS)
    assert serving.model_id is None
    assert serving.key_variable is None


def test_a_hosted_suite() -> None:
    serving = resolve_serving(EvalSettings(), HOSTED)
    assert (serving.url, serving.model_id, serving.key_variable) == (
        "https://api.openai.com/v1",
        "gpt-4",
        "OPENAI_API_KEY",
    )


@pytest.mark.parametrize("deployment", [None, DeploymentSettings(model_path="/m")], ids=["hosted", "deployed"])
@pytest.mark.parametrize(
    ("kind", "end", "protocol"),
    [
        (None, "", Protocol.CHAT),
        (None, "/chat/completions", Protocol.CHAT),
        (None, "/completions/", Protocol.COMPLETIONS),
        (Protocol.COMPLETIONS, "", Protocol.COMPLETIONS),
        (Protocol.CHAT, "/chat/completions", Protocol.CHAT),
    ],
)
def test_the_targets_protocol(
    deployment: DeploymentSettings | None, kind: Protocol | None, end: str, protocol: Protocol
) -> None:
    target = TargetSettings(api_endpoint=EndpointSettings(url=f"http://h/v1{end}", type=kind))
    assert resolve_serving(EvalSettings(), SuiteSettings(deployment=deployment, target=target)).protocol is protocol


def test_a_type_that_contradicts_the_url() -> None:
    target = TargetSettings(api_endpoint=EndpointSettings(url="http://h/v1/completions", type=Protocol.CHAT))
    with pytest.raises(ConfigError, match="type is chat, but its url ends in /completions"):
        resolve_serving(EvalSettings(), SuiteSettings(target=target))


def test_a_deployment_that_is_hosted_elsewhere() -> None:
    suite = SuiteSettings(deployment=DeploymentSettings(type="hosted"), target=HOSTED.target)
    assert resolve_serving(EvalSettings(), suite).url == "https://api.openai.com/v1"
    with pytest.raises(ConfigError, match=r"deployment\.type is hosted"):
        resolve_serving(EvalSettings(model_path="/m"), suite)
    assert resolve_serving(EvalSettings(model_path="/m", backend="vllm"), suite).backend == "vllm"


def test_the_names_are_those_of_the_tables() -> None:
    assert set(BACKENDS) == {*backends.BACKENDS, *backends.PLANNED, "hosted"}
    assert set(LAUNCHERS) == {*launchers.LAUNCHERS, *launchers.PLANNED}


def test_no_model_at_all() -> None:
    with pytest.raises(ConfigError, match="no model to evaluate: give --model-path"):
        resolve_serving(EvalSettings(), SuiteSettings())


def test_overrides_reach_python_tests() -> None:
    settings = EvalSettings(model_path="/m", overrides=("deployment.port=9000", "evaluation.tasks=[a]"))
    assert resolve_serving(settings, None).deployment.port == 9000


@pytest.mark.parametrize(
    "settings",
    [
        EvalSettings(model_path="/m", model_url="https://h/v1"),
        EvalSettings(model_url="https://h/v1", backend="vllm"),
        EvalSettings(model_url="https://h/v1", backend="slurm"),
        EvalSettings(model_path="/m", backend="hosted"),
        EvalSettings(model_url="ftp://h/v1"),
        EvalSettings(model_url="https://user:pass@h/v1"),
        EvalSettings(limit=1.5),
        EvalSettings(overrides=("deployment.prt=1",)),
    ],
)
def test_contradictions(settings: EvalSettings) -> None:
    with pytest.raises(ConfigError):
        check_settings(settings)
