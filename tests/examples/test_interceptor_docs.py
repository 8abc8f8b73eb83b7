"""docs/interceptors.md: its examples can be made, and no key is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_nemo_eval.config.adapter_settings import AdapterSettings
from pytest_nemo_eval.config.suite import read_suite
from pytest_nemo_eval.interceptors import create_interceptors
from pytest_nemo_eval.interceptors.base import Config
from pytest_nemo_eval.interceptors.table import BUILT_IN
from pytest_nemo_eval.report.pairs import PairsReportConfig

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "interceptors.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", TEXT, re.MULTILINE))
LISTED = sorted(BUILT_IN.keys() - {"endpoint"})  # which has a place in "Lists of NeMo Evaluator"


def examples() -> Iterator[Any]:
    """Lists of interceptors: alone, or under their key."""
    for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL):
        value = yaml.safe_load(text)
        found = value.get("interceptors") if isinstance(value, dict) else value
        if isinstance(found, list):
            yield found


def test_each_example_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lists = list(examples())
    assert len(lists) >= len(LISTED) - 1
    for found in lists:
        create_interceptors((entry["name"], entry.get("config", {})) for entry in found)


def test_each_suite_can_be_read(tmp_path: Path) -> None:
    suites = [text for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) if text.startswith("target:")]
    assert len(suites) >= 3
    for text in suites:
        (tmp_path / "eval_it.yaml").write_text(text)
        read_suite(tmp_path / "eval_it.yaml")


@pytest.mark.parametrize("name", LISTED)
def test_every_key_is_in_its_section(name: str) -> None:
    kind: type[Config] = getattr(import_module(f"pytest_nemo_eval.interceptors.{name}"), f"{BUILT_IN[name]}Config")
    keys = set(kind.__struct_fields__) - {"log_level"}
    assert {key for key in keys if f"`{key}`" not in SECTIONS[name]} == set()


def test_every_key_of_the_report_and_every_flag_is_named() -> None:
    hooks = SECTIONS["Post-evaluation hooks"]
    assert {key for key in PairsReportConfig.__struct_fields__ if f"`{key}`" not in hooks} == {"log_level"}
    flags = SECTIONS["NeMo Evaluator's flags"]
    lists = {"interceptors", "post_eval_hooks"}
    assert {flag for flag in AdapterSettings.__struct_fields__ if f"`{flag}`" not in flags} == lists
