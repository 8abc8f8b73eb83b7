from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval.config.document import parse_value, read_document, top_keys
from pytest_nemo_eval.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "eval_it.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0.5", -0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("", None),
        ("02:00:00", "02:00:00"),
        ("2026-11-23", "2026-11-23"),
        ("0x12", "0x12"),
        ('["mmlu_pro", "gsm8k"]', ["mmlu_pro", "gsm8k"]),
        ("{a: 1}", {"a": 1}),
        ("Answer: with one word: [", "Answer: with one word: ["),
    ],
)
def test_values_of_the_command_line(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_lines_of_keys_and_entries(tmp_path: Path) -> None:
    document = read_document(write(tmp_path, "evaluation:\n  tasks:\n    - name: a\n    - name: b\n      tier: x\n"))
    assert document.place(("evaluation", "tasks", 1, "tier")) == f"{document.path}:5"
    assert document.place(("evaluation", "tasks", 1, "absent")) == f"{document.path}:4"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [1,\n", 2, "not YAML"),
        ("a: 1\nb: 2\na: 3\n", 3, "second time"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "not YAML"),
        ("a: !!python/name:os.system x\n", 1, "not YAML"),
    ],
)
def test_broken_files_say_where(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=words) as caught:
        read_document(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")


def test_not_a_mapping(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sections deployment"):
        read_document(write(tmp_path, "- a\n"))


@pytest.mark.parametrize(
    "text",
    ["evaluation: &a {tasks: [*a]}\n", "a: &a [*a]\n", "a: " + "[" * 5000 + "]" * 5000 + "\n"],
    ids=["mapping", "list", "deep"],
)
def test_what_never_ends(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=r"eval_it\.yaml: is nested too deeply"):
        read_document(path)
    assert parse_value(text.partition(": ")[2]) is not None


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("evaluation: {tasks: [a]}\ntarget: !own x\n", {"evaluation", "target"}),
        ("- evaluation\n", set()),
        ("evaluation: [\n", set()),
        ("evaluation: 1\n---\ntarget: 2\n", set()),
        ("", set()),
        ("[" * 5000, set()),
    ],
)
def test_keys_at_the_top(tmp_path: Path, text: str, keys: set[str]) -> None:
    assert top_keys(write(tmp_path, text)) == keys
    assert top_keys(tmp_path / "absent.yaml") == set()


@given(st.text())
def test_any_value_is_read_or_kept(text: str) -> None:
    parse_value(text)
