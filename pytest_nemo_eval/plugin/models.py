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
from ..endpoint import Endpoint
from ..errors import ConfigError, EvaluationError
from ..evaluation import BenchmarkResult, Job, Place, Rules, broken_setup, plan
from ..gates import Gate
from .extending import changing
from .state import EvalSession

FIXTURE = "eval_model"
OF_FILE = "__nemo_eval_models__"
"""On a suite file's module: the models that it lists."""
_RUNS = pytest.StashKey[int]()
"""On an item: how many benchmarks it has run."""


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


def label_of(item: pytest.Item) -> str:
    """The label of an item's model; "" where there is one model alone."""
    model = model_of(item)
    return "" if model is None else model.label


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
    label = label_of(item)
    if label == BASELINE:
        task = msgspec.structs.replace(task, gates={})
        gates, rules = (), Rules(saved=rules.saved, folder=rules.folder)
    elif rules.awaited:
        rules = replace(rules, baseline=_measured(item, task, session), awaited=False)
    return plan(item.nodeid, task, settings, gates, replace(rules, model=label), changing(item, task))


def _measured(item: pytest.Item, task: TaskSettings, session: EvalSession) -> Place:
    if not label_of(item):
        raise EvaluationError(
            f"{task.name} is not asked of several models here, so it has no baseline model: a fixture eval_settings "
            "that replaces ours has to ask for eval_model"
        )
    found = session.measured.get(_key(item))
    if found is None:
        own = without_model(item.nodeid, label_of(item))
        raise EvaluationError(
            f"the baseline model was not measured on {task.name}: its item of {own} failed, was not selected "
            "(-k, --lf), or ran later or in another worker of pytest-xdist"
        )
    return found


def note_measured(item: pytest.Item, result: BenchmarkResult, session: EvalSession) -> None:
    """Keep where the baseline model's Run is. What a test asks of it beside its baseline is asked beside itself.

    Raises:
        BrokenSetupError: it is no measure of anything.
    """
    key = _key(item)
    item.stash[_RUNS] = item.stash.get(_RUNS, 0) + 1
    model = model_of(item)
    if model is None or model.label != BASELINE:
        return
    if result.record.faults:
        raise broken_setup(result)
    place = session.measured[key] = Place(str(result.folder), Path(), model.shown)
    result.rules = replace(result.rules, baseline=place)


def check_endpoint(item: pytest.Item, endpoint: Endpoint, session: EvalSession) -> None:
    """Several models are asked where the command line or a file says.

    Raises:
        ConfigError: a fixture of the user's own says otherwise, and so the same for all of them.
    """
    if model_of(item) is not None and endpoint.base_url not in session.served:
        raise ConfigError(
            f"a fixture eval_endpoint (or eval_client) of your own answers for {label_of(item)}, at "
            f"{endpoint.base_url}: all models would be that one. Leave the fixture out, or evaluate one model"
        )


def _key(item: pytest.Item) -> tuple[str, int]:
    """The item whatever its model, and which of its runs."""
    parent = item.parent.nodeid if item.parent is not None else ""
    return f"{parent}::{without_model(item.name, label_of(item))}", item.stash.get(_RUNS, 0)
