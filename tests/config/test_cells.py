from __future__ import annotations

import pytest

from pytest_nemo_eval.chat import Json
from pytest_nemo_eval.config.cells import expand_cells
from pytest_nemo_eval.config.settings import TaskSettings
from pytest_nemo_eval.errors import ConfigError


def test_without_a_matrix_there_is_one_cell() -> None:
    task = TaskSettings(name="gsm8k")
    (cell,) = expand_cells(task)
    assert (cell.id, cell.name, cell.task) == ("gsm8k", "gsm8k", task)


def test_a_cell_for_each_combination() -> None:
    matrix: dict[str, tuple[Json, ...]] = {
        "subset": ("biology", "computer science"),
        "num_fewshot": (0, 5),
        "temperature": (0.7,),
    }
    cells = expand_cells(TaskSettings(name="mmlu_pro", matrix=matrix))
    assert [cell.id for cell in cells] == [
        "mmlu_pro[biology-0-0.7]",
        "mmlu_pro[biology-5-0.7]",
        "mmlu_pro[computer_science-0-0.7]",
        "mmlu_pro[computer_science-5-0.7]",
    ]
    assert cells[2].task.subsets == ("computer science",)
    assert cells[1].task.num_fewshot == 5
    assert cells[0].task.params.temperature == 0.7
    assert cells[0].task.name == cells[0].name == "mmlu_pro"


def test_variants() -> None:
    cells = expand_cells(TaskSettings(name="gsm8k", matrix={"variant": ("lm-eval", "lm-eval-strict")}))
    assert [cell.task.name for cell in cells] == ["gsm8k:lm-eval", "gsm8k:lm-eval-strict"]


@pytest.mark.parametrize(
    "task",
    [
        TaskSettings(name="a b"),
        TaskSettings(name="a::b"),
        TaskSettings(name="<script>"),
        TaskSettings(name="a", matrix={"subset": ()}),
        TaskSettings(name="a", matrix={"gates": (1,)}),
        TaskSettings(name="a", matrix={"temperature": ("hot",)}),
        TaskSettings(name="a", matrix={"subset": ("x", "x")}),
    ],
)
def test_mistakes(task: TaskSettings) -> None:
    with pytest.raises(ConfigError):
        expand_cells(task)
