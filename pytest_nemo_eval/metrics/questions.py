"""One value a question, and what the questions were drawn together with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

Cluster = tuple[str, str]
"""A cluster's name and "", or "" and the id of a question that was drawn alone."""


@dataclass(frozen=True)
class Questions:
    """Values of questions, repeats already averaged.

    Attributes:
        values: at least one.
        clusters: of each question; None where all were drawn one by one.
    """

    values: Sequence[float]
    clusters: Sequence[Cluster] | None = None

    @classmethod
    def of(cls, values: Mapping[str, float], clusters: Mapping[str, str]) -> Questions:
        """Values by question; ``clusters`` names those of the questions that have one."""
        labels = [(name, "") if (name := clusters.get(question, "")) else ("", question) for question in values]
        return cls(tuple(values.values()), labels if any(name for name, _ in labels) else None)

    @property
    def n(self) -> int:
        return len(self.values)

    @cached_property
    def mean(self) -> float:
        return fmean(self.values)

    @cached_property
    def totals(self) -> list[tuple[float, int]]:
        """Sum and number of questions of each unit of sampling: of each cluster, or of each question."""
        if self.clusters is None:
            return [(value, 1) for value in self.values]
        members: dict[Cluster, list[float]] = {}
        for value, cluster in zip(self.values, self.clusters, strict=True):
            members.setdefault(cluster, []).append(value)
        return [(math.fsum(values), len(values)) for values in members.values()]

    @property
    def units(self) -> int:
        """How many were drawn independently: clusters, or questions."""
        return len(self.totals)

    @cached_property
    def stderr(self) -> float:
        """The standard error of the mean; 0 for one unit, and where nothing varies.

        sqrt(C / (C - 1) * sum over clusters of (sum of their deviations)^2) / n: the cluster-robust one of Miller 2024
        (arXiv 2411.00640, appendix A) with the factor for few clusters. With each question a cluster of its own that
        is sd / sqrt(n), with n - 1.
        """
        if self.units < 2:
            return 0.0
        squares = math.fsum((total - size * self.mean) ** 2 for total, size in self.totals)
        error = math.sqrt(self.units / (self.units - 1) * squares) / self.n
        return error if error > 1e-12 * max(1.0, *map(abs, self.values)) else 0.0  # less is rounding

    @property
    def binary(self) -> bool:
        return set(self.values) <= {0.0, 1.0}


def unit_count(questions: Iterable[str], clusters: Mapping[str, str]) -> int:
    """How many of these questions were drawn independently of each other."""
    return len({(clusters.get(question, ""), "" if clusters.get(question) else question) for question in questions})
