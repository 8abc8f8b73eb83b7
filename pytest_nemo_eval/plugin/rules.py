"""What a session and a suite ask of benchmarks: policy, baseline, composites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from ..config.options import EvalSettings, has_baseline_model
from ..config.policy import PolicySettings, read_policy
from ..config.settings import CompositeSettings, EvaluationSettings, Tier
from ..evaluation import Place, Rules
from .options import read_settings


class SessionRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is judged over several items at the end of a session; travels with their reports as JSON text.

    Attributes:
        origin: the file that says so.
        required: benchmarks without which there is no verdict.
        correction: whether failures on evidence are held against the number of gates.
    """

    origin: str
    required: tuple[str, ...] = ()
    composites: Mapping[str, CompositeSettings] = msgspec.field(default_factory=dict)
    correction: bool = False


RULES = pytest.StashKey[tuple[Rules, tuple[SessionRules, ...]]]()
"""On an item: what is asked of it alone, and of it together with others."""


def rules_of(
    config: pytest.Config, settings: EvalSettings, path: Path, evaluation: EvaluationSettings = EvaluationSettings()
) -> tuple[Rules, tuple[SessionRules, ...]]:
    """The rules of a suite file or a test's file: the command line over the file, the file over a policy.

    Raises:
        ConfigError: a policy that cannot be read.
    """
    started, folder = config.invocation_params.dir, path.parent
    policy_file = (
        started / Path(settings.policy).expanduser()
        if settings.policy
        else folder / evaluation.policy
        if evaluation.policy
        else None
    )
    policy = read_policy(policy_file) if policy_file else None
    rules = Rules(policy=policy, saved=config.rootpath / settings.baselines, folder=folder)
    if has_baseline_model(read_settings(config)):
        rules = replace(rules, awaited=True)
    elif settings.baseline:
        rules = replace(rules, baseline=Place(settings.baseline, started))
    elif evaluation.baseline:
        rules = replace(rules, baseline=Place(evaluation.baseline, folder))
    elif policy is not None and policy_file is not None and policy.baseline:
        rules = replace(rules, baseline=Place(policy.baseline, policy_file.parent))
    return rules, tuple(_session_rules(path, evaluation, policy_file, policy))


def _session_rules(
    path: Path, evaluation: EvaluationSettings, policy_file: Path | None, policy: PolicySettings | None
) -> list[SessionRules]:
    found = []
    if evaluation.composites or evaluation.correction:
        correction = evaluation.correction == "holm"
        found.append(SessionRules(origin=str(path), composites=evaluation.composites, correction=correction))
    if policy is not None:
        required = [name for name in policy.benchmarks if policy.entry([name]).tier is not Tier.ADVISORY]
        found.append(
            SessionRules(
                origin=str(policy_file),
                required=tuple(required),
                composites=policy.composites,
                correction=policy.correction == "holm",
            )
        )
    return found
