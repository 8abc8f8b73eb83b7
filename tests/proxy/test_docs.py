"""docs/proxy.md says what is so."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from pytest_nemo_eval.config.chain_file import read_chain_file
from pytest_nemo_eval.interceptors.table import BUILT_IN
from pytest_nemo_eval.proxy.command import create_chain, parser

DOCS = Path(__file__).resolve().parents[2] / "docs"
PROXY = (DOCS / "proxy.md").read_text(encoding="utf-8")


def test_the_chain_can_be_made(tmp_path: Path) -> None:
    (chain,) = re.findall(r"```yaml\n(.*?)```", PROXY, re.DOTALL)
    (tmp_path / "chain.yaml").write_text(chain)
    made = create_chain(tmp_path / "chain.yaml", "who")
    assert len(made) == len(read_chain_file(tmp_path / "chain.yaml")) == 4
    for one in made:
        one.close()  # type: ignore[attr-defined]  # all are built in


def test_every_option_is_there_with_its_default() -> None:
    shown = dict(re.findall(r"^\| `(--[\w-]+) [A-Z]+` \| ([^|]*?) \|", PROXY, re.MULTILINE))
    known = {}
    for action in parser()._actions[1:]:  # the first is --help
        default = (
            "none"
            if action.default in (None, "")
            else f"{action.default:g}"
            if isinstance(action.default, float)
            else str(action.default)
        )
        known[action.option_strings[0]] = "required" if action.required else default
    assert {**shown, "--port": "0"} == known


def test_those_that_change_answers_are_named() -> None:
    homes = {name: import_module(f"pytest_nemo_eval.interceptors.{name}") for name in BUILT_IN}
    changing = [name for name, home in homes.items() if getattr(home, BUILT_IN[name]).changes_response]
    (told,) = re.findall(r"`changes_response` of a class; true of ([^,]*, [^,]*), and", PROXY)
    assert sorted(re.findall(r"`(\w+)`", told)) == sorted(changing)


def test_every_built_in_has_its_section() -> None:
    interceptors = (DOCS / "interceptors.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^## (\w+)$", interceptors, re.MULTILINE))
    assert sorted(set(BUILT_IN) - sections) == ["endpoint"]  # a place in a list, and told of with lists
