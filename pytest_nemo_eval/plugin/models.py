"""Several models in one session: an item for each, and what the baseline's measures are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from ..config.models import BASELINE, Model, models_of_file, without_model
from ..config.options import EvalSettings
from ..config.settings import TaskSettings
from ..errors import EvaluationError
from ..evaluation import BenchmarkResult, Job, Place, Rules, plan
from ..gates import Gate
from .extending import changing
from .state import EvalSession

FIXTURE = "eval_model"
OF_FILE = "__nemo_eval_models__"
"""On a suite file's module: the models that it lists."""


def parametrize(metafunc: pytest.Metafunc, settings: EvalSettings) -> None:
    """One item for each model."""
    models = models_of_file(settings, getattr(metafunc.module, OF_FILE, ()))
    if models:
        labels = [f"@{model.label}" for model in models]
        metafunc.parametrize(FIXTURE, models, ids=labels, indirect=True, scope="session")


def model_of(item: pytest.Item) -> Model | None:
    """Which of several models an item is about."""
    model = item.callspec.params.get(FIXTURE) if hasattr(item, "callspec") else None
    return model if isinstance(model, Model) else None


def is_baseline(item: pytest.Item) -> bool:
    """Whether an item measures what others are held against."""
    model = model_of(item)
    return model is not None and model.label == BASELINE


def settings_for(item: pytest.Item, settings: EvalSettings) -> EvalSettings:
    """What the command line asks for of an item's model."""
    model = model_of(item)
    return settings if model is None else model.in_settings(settings)


def plan_item(
    item: pytest.Item,
    task: TaskSettings,
    settings: EvalSettings,
    gates: Sequence[Gate],
    rules: Rules,
    session: EvalSession,
) -> Job:
    """The Job of an item. That of the baseline model has no gates; those of the others have its Run as their baseline.

    Raises:
        EvalError: as ``plan``; the baseline model was not measured.
    """
    if is_baseline(item):
        task = msgspec.structs.replace(task, gates={})
        rules = Rules(saved=rules.saved, folder=rules.folder)
        return plan(item.nodeid, task, settings, (), rules, changing(item, task))
    if rules.awaited:
        measured = session.measured.get(_key(item, task))
        if measured is None:
            raise EvaluationError(
                f"the baseline model was not measured on {task.name}: its item failed, was not selected, or ran in "
                "another worker of pytest-xdist (of whose ways to distribute, load, loadscope and loadfile keep them "
                "together)"
            )
        rules = replace(rules, baseline=Place(str(measured), Path(), BASELINE), awaited=False)
    return plan(item.nodeid, task, settings, gates, rules, changing(item, task))


def note_measured(item: pytest.Item, task: TaskSettings, result: BenchmarkResult, session: EvalSession) -> None:
    """Keep where the baseline model's Run is. What a test asks of it beside its baseline is asked beside itself."""
    if is_baseline(item):
        session.measured[_key(item, task)] = result.folder
        result.rules = replace(result.rules, baseline=Place(str(result.folder), Path(), BASELINE))


def _key(item: pytest.Item, task: TaskSettings) -> tuple[str, str]:
    return without_model(item.nodeid), task.name
