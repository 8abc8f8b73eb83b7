"""A gate policy: a file of gates over all benchmarks of a session.

What NeMo Evaluator's gate reads (version 1: ``defaults`` and ``benchmarks`` with tier, metric, direction, max_drop,
max_relative_drop, relative_guard_below) means the same here; the other keys are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .base import Settings
from .check import convert_values
from .document import read_document
from .settings import CompositeSettings, GateSettings, Shares

DEFAULT_MAX_DROP = 0.015
"""NeMo Evaluator's, where a policy asks nothing else of a benchmark."""


class PolicyEntry(GateSettings, frozen=True, kw_only=True):
    """What a policy asks of one benchmark, or of all of them (``defaults``).

    Attributes:
        metric: what the entry's own conditions are about; accuracy by default (``mean_reward`` is its NeMo name).
        gates: further ones, as in a suite file.
        validity: as in a suite file.
    """

    metric: str | None = None
    gates: Mapping[str, GateSettings] = msgspec.field(default_factory=dict)
    validity: Shares | bool | None = None

    @property
    def conditions(self) -> GateSettings:
        """The entry's own gate."""
        return GateSettings(**{name: getattr(self, name) for name in GateSettings.__struct_fields__})


class PolicySettings(Settings, frozen=True, kw_only=True):
    """A policy file.

    Attributes:
        benchmarks: by name, ``NAME:VARIANT``, or item (``mmlu_pro[biology]``); all but advisory ones are required.
        composites, baseline, correction: as ``evaluation`` of a suite file has them; the baseline's folder is relative
            to the policy file.
    """

    version: Annotated[int, Meta(ge=1, le=1)] = 1
    defaults: PolicyEntry = PolicyEntry()
    benchmarks: Mapping[str, PolicyEntry] = msgspec.field(default_factory=dict)
    composites: Mapping[str, CompositeSettings] = msgspec.field(default_factory=dict)
    baseline: str | None = None
    correction: Literal["none", "holm"] | None = None

    def entry(self, names: Sequence[str]) -> PolicyEntry:
        """The entry of the first of these names that the policy lists, over the defaults."""
        own = next((self.benchmarks[name] for name in names if name in self.benchmarks), None)
        if own is None:
            return self.defaults
        unset = PolicyEntry()
        given = {
            name: getattr(own, name)
            for name in PolicyEntry.__struct_fields__
            if getattr(own, name) != getattr(unset, name)
        }
        return msgspec.structs.replace(self.defaults, **given)

    def lists(self, names: Sequence[str]) -> bool:
        """Whether one of these names has an entry of its own."""
        return any(name in self.benchmarks for name in names)


def read_policy(path: Path) -> PolicySettings:
    """Read a policy file.

    Raises:
        ConfigError: what is wrong, with file and line.
    """
    document = read_document(path)
    return convert_values(document.values, document, PolicySettings)
