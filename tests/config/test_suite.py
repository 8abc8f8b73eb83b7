from __future__ import annotations

from pathlib import Path

import pytest

from pytest_nemo_eval.config.settings import Tier
from pytest_nemo_eval.config.suite import key_variable, read_suite, settings_of
from pytest_nemo_eval.errors import ConfigError


def suite_file(folder: Path, text: str) -> Path:
    path = folder / "eval_it.yaml"
    path.write_text(text, encoding="utf-8")
    return path


GOOD = """\
deployment: {type: vllm, model_path: /m, port: 8080}
evaluation:
  tasks:
    - gsm8k
    - name: mmlu_pro
      params: {limit_samples: 0.5, temperature: 0}
      gates: {accuracy: {min: 0.3}}
      tier: advisory
      dataset: {path: data/x.jsonl}
"""


def test_a_suite_as_typed_settings(tmp_path: Path) -> None:
    suite, _ = read_suite(suite_file(tmp_path, GOOD))
    first, second = suite.evaluation.tasks
    assert (first.name, second.name) == ("gsm8k", "mmlu_pro")
    assert second.params.limit_samples == 0.5
    assert second.gates["accuracy"].min == 0.3
    assert second.tier is Tier.ADVISORY
    assert second.dataset.path == str(tmp_path / "data/x.jsonl")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("deployment: {model_pth: /x}", "unknown key deployment.model_pth; did you mean model_path?"),
        (
            "deployment: {checkpoint_path: /x}",
            "unknown key deployment.checkpoint_path; here it is: deployment.model_path",
        ),
        ("deployment: {port: 99999}", "deployment.port: expected int <= 65535"),
        ("deployment: 3", "deployment should be a mapping"),
        ("execution: {walltime: 1}", "here it is: execution.time_limit"),
        ("exection: {}", "did you mean execution?"),
        ("evaluation: {tasks: [{params: {}}]}", "evaluation.tasks[0] lacks the key name"),
        ("evaluation: {tasks: [{name: a, params: {max_tokens: 3}}]}", "here it is: params.max_new_tokens"),
        ("evaluation: {tasks: [{name: a, gates: {accuracy: {mni: 1}}}]}", "did you mean min?"),
        ("evaluation: {tasks: [{name: a, tier: advisry}]}", "should be one of critical, supporting, advisory"),
        ("evaluation: {tasks: gsm8k}", "evaluation.tasks should be a list"),
        ("target: {api_endpoint: {type: completion}}", "api_endpoint.type: should be one of chat, completions"),
        ("deployment: {server_args: {extra-token: '${SEC}'}}", "hand it to the server in deployment.environment"),
        ("target: {api_endpoint: {adapter_config: {interceptors: [{name: x, confg: {}}]}}}", "did you mean config?"),
    ],
)
def test_mistakes_name_file_line_and_key(tmp_path: Path, line: str, words: str) -> None:
    path = suite_file(tmp_path, f"# a comment\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        read_suite(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert words in str(caught.value)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_suite(suite_file(tmp_path, "deployment: {a: 1, b: 2}\n"))
    assert len(str(caught.value).splitlines()) == 2


def test_overrides(tmp_path: Path) -> None:
    overrides = (
        "deployment.port=9000",
        "deployment.server_args.enforce-eager=true",
        "evaluation.tasks.mmlu_pro.params.limit_samples=7",
        "evaluation.tasks.0.repeats=3",
        "execution.partition=gpu",
    )
    suite, _ = read_suite(suite_file(tmp_path, GOOD), overrides)
    assert suite.deployment is not None
    assert suite.deployment.port == 9000
    assert suite.deployment.server_args == {"enforce-eager": True}
    assert suite.evaluation.tasks[1].params.limit_samples == 7
    assert suite.evaluation.tasks[0].repeats == 3
    assert suite.execution is not None
    assert suite.execution.partition == "gpu"


def test_a_list_of_tasks_as_the_page_types_it(tmp_path: Path) -> None:
    suite, _ = read_suite(suite_file(tmp_path, GOOD), ['evaluation.tasks=["mmlu_pro", "gsm8k"]'])
    assert [task.name for task in suite.evaluation.tasks] == ["mmlu_pro", "gsm8k"]


@pytest.mark.parametrize("override", ["port=1", "deployment.port", "deployment.port.x=1", "deployment=1"])
def test_overrides_that_lead_nowhere(tmp_path: Path, override: str) -> None:
    with pytest.raises(ConfigError, match=r"eval_it\.yaml"):
        read_suite(suite_file(tmp_path, GOOD), [override])


@pytest.mark.parametrize("text", [GOOD, "deployment: {port: 1}\n"])
def test_overrides_of_absent_tasks_are_told(tmp_path: Path, text: str) -> None:
    absent = ("evaluation.tasks.nosuch.repeats=1", "evaluation.tasks.7.repeats=1")
    suite, document = read_suite(suite_file(tmp_path, text), (*absent, "deployment.port=9000"))
    assert suite.deployment is not None
    assert suite.deployment.port == 9000
    assert document.unused == absent


def test_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELS", "/shared/models")
    suite, _ = read_suite(suite_file(tmp_path, "deployment: {model_path: '${MODELS}/llama'}\n"))
    assert suite.deployment is not None
    assert suite.deployment.model_path == "/shared/models/llama"
    monkeypatch.delenv("MODELS")
    with pytest.raises(ConfigError, match="MODELS is not set"):
        read_suite(tmp_path / "eval_it.yaml")


def test_a_variable_for_the_servers_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEC", "of-a-test")
    suite, _ = read_suite(suite_file(tmp_path, "deployment: {environment: {TOKEN: '${SEC}'}}\n"))
    assert suite.deployment is not None
    assert suite.deployment.environment == {"TOKEN": "of-a-test"}
    with pytest.raises(ConfigError, match="everybody can see"):
        settings_of(["deployment.server_args.extra-token=${SEC}"])


def test_a_key_is_named_never_written(tmp_path: Path) -> None:
    text = "target: {api_endpoint: {url: 'https://h/v1', api_key: '%s'}}\n"
    suite, _ = read_suite(suite_file(tmp_path, text % "${SOME_KEY}"))
    assert key_variable(suite) == "SOME_KEY"
    with pytest.raises(ConfigError) as caught:
        read_suite(suite_file(tmp_path, text % "sk-very-secret"))
    assert "very-secret" not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        settings_of(["target.api_endpoint.api_key=sk-very-secret"])
    assert "very-secret" not in str(caught.value)
