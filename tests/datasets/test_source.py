from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_nemo_eval.config.settings import DatasetSettings
from pytest_nemo_eval.datasets import HubDataset, resolve
from pytest_nemo_eval.datasets.source import Value
from pytest_nemo_eval.errors import DatasetError

HUB = HubDataset(id="org/set", revision="a" * 40, split="test", config="main", fewshot_split="train")


def write(path: Path, word: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"question": "{word}"}}\n')
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "set" / "test.jsonl", "asked")
    write(tmp_path / "set" / "train.jsonl", "worked")
    write(tmp_path / "elsewhere" / "train.jsonl", "other")
    return tmp_path


def words(rows: object) -> list[object] | None:
    return None if rows is None else [row["question"] for row in rows]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "fewshot"),
    [
        ({"path": "set"}, ["worked"]),
        ({"path": "set/test.jsonl"}, ["worked"]),
        ({"path": "set/test.jsonl", "fewshot_path": "elsewhere/train.jsonl"}, ["other"]),
        ({"path": "set", "fewshot_path": "elsewhere"}, ["other"]),
        ({}, ["worked"]),
        ({"fewshot_path": "elsewhere"}, ["other"]),
    ],
)
def test_files(folder: Path, settings: dict[str, str], fewshot: list[str]) -> None:
    absolute = {name: str(folder / value) for name, value in settings.items()}
    source = resolve(
        "set", HUB, DatasetSettings(path=absolute.get("path"), fewshot_path=absolute.get("fewshot_path")), folder
    )
    source.check()
    assert words(source.rows()) == ["asked"]
    assert words(source.rows()) == ["asked"]  # once more
    assert source.has_fewshot
    assert words(source.fewshot_rows()) == fewshot
    assert source.describe() == str(folder / "set" / "test.jsonl")


def test_a_benchmark_without_worked_examples(folder: Path) -> None:
    source = resolve("set", replace(HUB, fewshot_split=None), DatasetSettings(), folder)
    assert not source.has_fewshot
    assert source.fewshot_rows() is None


@pytest.mark.parametrize("path", ["set", "set/train.jsonl"])
def test_the_questions_are_no_worked_examples(folder: Path, path: str) -> None:
    source = resolve("set", HUB, DatasetSettings(path=str(folder / path), split="train"), None)
    assert words(source.rows()) == ["worked"]
    assert not source.has_fewshot
    assert not resolve("set", HUB, DatasetSettings(split="train"), None).has_fewshot


def test_a_folder_without_the_split(folder: Path) -> None:
    for settings in (DatasetSettings(split="dev"), DatasetSettings(path=str(folder / "set"), split="dev")):
        with pytest.raises(DatasetError, match=r"no file of the split dev.*it holds test\.jsonl, train\.jsonl"):
            resolve("set", HUB, settings, folder)


def test_a_file_that_is_missing_is_noticed_by_check(folder: Path) -> None:
    source = resolve("set", HUB, DatasetSettings(path=str(folder / "set" / "tst.jsonl")), None)
    with pytest.raises(DatasetError, match=r"did you mean test\.jsonl"):
        source.check()


def test_the_hub_comes_last(folder: Path) -> None:
    source = resolve("unknown", HUB, DatasetSettings(), folder)
    assert source.hub == HUB
    assert source.has_fewshot
    assert source.describe() == f"org/set, main, test at {HUB.revision}"


def test_settings_go_before_the_benchmarks_own(folder: Path) -> None:
    settings = DatasetSettings(revision="b" * 40, config="socratic", split="dev")
    hub = replace(HUB, revision="b" * 40, config="socratic", split="dev")
    assert resolve("unknown", HUB, settings, None).hub == hub
    other = DatasetSettings(id="my/set", revision="b" * 40)
    assert resolve("unknown", HUB, other, None).hub == HubDataset("my/set", "b" * 40, "test")
    with_files = DatasetSettings(fewshot_path=str(folder / "elsewhere" / "train.jsonl"))
    assert words(resolve("unknown", HUB, with_files, None).fewshot_rows()) == ["other"]


def test_what_is_not_pinned_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"my/set needs dataset\.revision"):
        resolve("set", HUB, DatasetSettings(id="my/set"), None)


def test_a_benchmark_of_ones_own_needs_data() -> None:
    with pytest.raises(DatasetError, match=r"dataset: \{path: FILE\}"):
        resolve("mine", None, DatasetSettings(), None)


RECORDED = """\
{"question": "a", "model": "x", "run": 1, "ok": true, "doc": {"lang": "en"}}
{"question": "b", "model": "y", "run": 1, "ok": false, "doc": {"lang": "en"}}
{"question": "c", "model": "x", "run": 2, "ok": true, "doc": {"lang": "de"}}
{"question": "d", "model": null}
"""
IN_CSV = "question,model,run,ok,doc.lang\na,x,1,True,en\nb,y,1,False,en\nc,x,2,True,de\nd,,,,\n"


@pytest.mark.parametrize(("name", "content"), [("r.jsonl", RECORDED), ("r.csv", IN_CSV)])
@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"model": "x"}, "ac"),
        ({"model": "x", "run": 1}, "a"),
        ({"run": "1"}, "ab"),
        ({"run": 2}, "c"),
        ({"ok": True}, "ac"),
        ({"ok": False}, "b"),
        ({"doc.lang": "de"}, "c"),
    ],
)
def test_some_rows(tmp_path: Path, name: str, content: str, where: dict[str, Value], expected: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    worked = write(tmp_path / "train.jsonl", "worked")
    source = resolve("set", HUB, DatasetSettings(path=str(path), fewshot_path=str(worked), where=where), None)
    assert words(source.rows()) == list(expected)
    assert words(source.fewshot_rows()) == ["worked"]
    assert source.describe().startswith(f"{path} where {next(iter(where))} = ")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"modle": "x"}, "no row has a value in modle; there are doc, model, ok, question, run"),
        ({"model": "z"}, "no row has model = z; model holds x, y"),
        ({"model": "y", "run": 2}, "no row has model = y and run = 2; model holds x, y; run holds 1, 2"),
        ({"ok": 1}, "no row has ok = 1"),
    ],
)
def test_no_row_at_all(tmp_path: Path, where: dict[str, Value], message: str) -> None:
    (tmp_path / "r.jsonl").write_text(RECORDED)
    source = resolve("set", HUB, DatasetSettings(path=str(tmp_path / "r.jsonl"), where=where), None)
    with pytest.raises(DatasetError, match=re.escape(message)):
        list(source.rows())


def test_an_empty_file_is_reported_as_such(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").touch()
    source = resolve("set", HUB, DatasetSettings(path=str(tmp_path / "r.jsonl"), where={"a": 1}), None)
    assert list(source.rows()) == []
