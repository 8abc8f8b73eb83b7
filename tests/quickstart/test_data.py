"""The quickstart's data, and that its suites fit it."""

from __future__ import annotations

import json
import string
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

QUICKSTART = Path(__file__).resolve().parents[2] / "example_suites" / "quickstart"
NAMES = ["capitals", "opposites", "plurals"]
COLUMNS = {"id", "question", "answer", "category"}

each = pytest.mark.parametrize("name", NAMES)


def rows(name: str) -> list[dict[str, str]]:
    lines = (QUICKSTART / "data" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def tasks() -> list[dict[str, Any]]:
    suite = yaml.safe_load((QUICKSTART / "eval_quickstart.yaml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = suite["evaluation"]["tasks"]
    return found


def test_these_are_all_the_files() -> None:
    assert sorted(path.name for path in (QUICKSTART / "data").iterdir()) == [f"{name}.jsonl" for name in NAMES]


@each
def test_rows_are_enough_and_have_their_columns(name: str) -> None:
    data = rows(name)
    assert 50 <= len(data) <= 100
    for row in data:
        assert set(row) == COLUMNS
        assert all(isinstance(value, str) and value == value.strip() and value for value in row.values()), row


@each
def test_ids_are_numbered_and_unique(name: str) -> None:
    assert [row["id"] for row in rows(name)] == [f"{name}-{number:03}" for number in range(1, len(rows(name)) + 1)]


@each
def test_no_question_is_asked_twice(name: str) -> None:
    asked = Counter(row["question"].casefold() for row in rows(name))
    assert [question for question, times in asked.items() if times > 1] == []


@each
def test_answers_are_not_empty_and_not_in_the_question(name: str) -> None:
    """``includes`` would take the question, said back, for an answer."""
    for row in rows(name):
        words = row["question"].casefold().replace("?", "").replace("'", "").split()
        for answer in row["answer"].split("|"):
            assert answer.strip() == answer != ""
            assert not set(answer.casefold().split()) <= set(words), row


@each
def test_categories_hold_more_than_a_few_rows(name: str) -> None:
    assert min(Counter(row["category"] for row in rows(name)).values()) >= 5


@pytest.mark.parametrize("task", tasks(), ids=lambda task: str(task["name"]))
def test_a_task_names_its_data_and_columns_of_it(task: dict[str, Any]) -> None:
    assert (QUICKSTART / task["dataset"]["path"]).name == f"{task['name']}.jsonl"
    columns = {field for _, field, _, _ in string.Formatter().parse(task["prompt"]) if field is not None}
    assert columns
    assert columns <= set(rows(task["name"])[0])
    assert 0 < task["gates"]["accuracy"]["min"] < 1


def test_each_benchmark_is_in_one_suite() -> None:
    assert [task["name"] for task in tasks()] == ["capitals", "opposites"]
    assert "data/plurals.jsonl" in (QUICKSTART / "test_quickstart.py").read_text(encoding="utf-8")
