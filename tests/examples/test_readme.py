"""The README says what is so: its commands, its tables, its examples."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_nemo_eval import plugin
from pytest_nemo_eval.benchmarks import BENCHMARKS
from pytest_nemo_eval.config.base import Settings
from pytest_nemo_eval.config.settings import (
    DatasetSettings,
    DeploymentSettings,
    EndpointSettings,
    EvaluationSettings,
    ExecutionSettings,
    GateSettings,
    ParamSettings,
    TaskSettings,
)
from pytest_nemo_eval.plugin.options import INI_ONLY, OPTIONS
from pytest_nemo_eval.scorers import SCORERS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return README.partition(f"## {title}\n")[2].partition("\n## ")[0]


def words(text: str) -> set[str]:
    """What stands between backticks."""
    return {word for code in re.findall(r"`([^`]+)`", text) for word in code.replace(",", " ").split()}


def code(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return str(found)


@pytest.mark.parametrize(("name", "environment"), [("quickstart", "quickstart"), ("tests", None)])
def test_the_commands_run_what_they_say(name: str, environment: str | None) -> None:
    script = ROOT / ".ci" / "readme_command.py"
    shown = subprocess.run([sys.executable, script, name, ROOT / "README.md"], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    *_, last = shown.stdout.split("&&")
    assert shlex.split(last) == [".venv/bin/tox", "run", *(["-e", environment] if environment else [])]


def test_the_option_table() -> None:
    rows = re.findall(r"^\| `(--[\w-]+) ?([^`]*)` \| (?:`(\w+)`)? ?\|", section("Options"), re.MULTILINE)
    assert rows == [
        (option.alias or option.flag, option.metavar, f"eval_{option.field}" if option.ini else "")
        for option in OPTIONS
    ]
    for field in (*INI_ONLY, "files"):
        assert f"`eval_{field}`" in section("Options")


@pytest.mark.parametrize(
    "settings",
    [
        DeploymentSettings,
        ExecutionSettings,
        EndpointSettings,
        EvaluationSettings,
        TaskSettings,
        GateSettings,
        ParamSettings,
        DatasetSettings,
    ],
)
def test_every_key_of_a_suite_file_is_named(settings: type[Settings]) -> None:
    assert set(settings.__struct_fields__) - words(section("Suite files")) == set()


def test_benchmarks_and_scorers_are_named() -> None:
    named = words(section("Benchmarks"))
    assert {*BENCHMARKS, *SCORERS} - named == set()


def test_fixtures_are_named() -> None:
    assert set(plugin.__all__) - words(section("Fixtures")) == set()


def test_the_examples_are_collected(pytester: pytest.Pytester) -> None:
    shutil.copytree(ROOT / "example_suites" / "quickstart" / "data", pytester.path / "data")
    (pytester.path / "eval_release.yaml").write_text(code("yaml"))
    (pytester.path / "test_release.py").write_text(code("python"))
    result = pytester.runpytest_subprocess("--co", "-q", "--strict-markers")
    assert [line.rpartition("::")[2] for line in result.outlines if "::" in line] == [
        "gsm8k",
        "mmlu_pro[biology]",
        "mmlu_pro[law]",
        "capitals",
        "test_gsm8k",
    ]
