"""Chain files of the proxy."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.interceptors import name_of
from pytest_nemo_eval.proxy.command import create_chain


def test_a_list_of_nemos_with_its_endpoint(tmp_path: Path) -> None:
    path = tmp_path / "chain.yaml"
    path.write_text("interceptors:\n- {name: drop_params, config: {params: [seed]}}\n- endpoint\n- reasoning\n")
    assert [name_of(one) for one in create_chain(path, "who")] == ["drop_params", "reasoning"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("interceptors:\n- reasoning\n- endpoint\n- endpoint\n", "chain.yaml:4.*endpoint stands twice"),
        ("interceptors:\n- reasoning\n- {name: reasonning}\n", "chain.yaml:3.*did you mean reasoning"),
        ("interceptors: [reasoning, reasoning_replay]\n", "put reasoning_replay before reasoning"),
        ("post_eval_hooks: [{name: post_eval_report}]\n", "a proxy makes none"),
    ],
)
def test_chains_that_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "chain.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        create_chain(path, "who")
