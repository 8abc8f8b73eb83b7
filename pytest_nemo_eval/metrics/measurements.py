"""All that can be measured in the outcomes of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..errors import ConfigError
from ..scores import Outcome
from .accuracy import accuracy
from .categories import WORST, by_category, category_accuracies, worst_category
from .intervals import IntervalKind
from .latency import seconds_percentile
from .means import mean_metric
from .names import (
    CLOCKS,
    FIXED,
    MEANS,
    NO_TIME,
    NO_TOKENS,
    PERCENTILES,
    SPEEDS,
    canonical,
    category_of,
    check_metric,
    nearest_category,
    passes_of,
)
from .pass_at_k import pass_at_k, pass_hat_k, repeats
from .tokens import counted
from .values import MetricValue


@dataclass(frozen=True)
class Measurements:
    """The outcomes of a benchmark as metrics.

    Attributes:
        seconds: wall time of the benchmark; 0 where it is not known.
        interval: ``bootstrap`` resamples for means, where ``auto`` takes Wilson's or Student's intervals.
    """

    outcomes: Sequence[Outcome]
    seconds: float = 0.0
    interval: IntervalKind = "auto"

    @cached_property
    def clusters(self) -> dict[str, str]:
        """The cluster of each question that has one."""
        return {outcome.sample_id: outcome.cluster for outcome in self.outcomes if outcome.cluster}

    @cached_property
    def repeats(self) -> int:
        """How often a question was asked."""
        return repeats(self.outcomes)

    def metric(self, name: str, confidence: float = 0.95) -> MetricValue:
        """A metric by its name or one of its aliases.

        Raises:
            ConfigError: there is no such metric, or these outcomes do not have it; the message names the nearest one.
        """
        check_metric(name)
        name = canonical(name)
        found: MetricValue | None
        if name in PERCENTILES:
            clock, share = PERCENTILES[name]
            found = seconds_percentile(name, self.outcomes, CLOCKS[clock][0], share, self.clusters, confidence)
        elif name in SPEEDS:
            found = SPEEDS[name](self.outcomes, self.seconds)
        elif name == WORST:
            found = worst_category(self.outcomes, self.clusters, confidence, self.interval)
        else:
            is_share = name not in MEANS or MEANS[name].share
            values = self.question_values(name)
            return mean_metric(name, values, self.clusters, confidence, share=is_share, kind=self.interval)
        if found is None:
            raise ConfigError(f"there is no {name}: {self._missing(name)}")
        return found

    def question_values(self, name: str) -> dict[str, float]:
        """Each question's value of a metric that is a mean over questions, for comparisons by question.

        Raises:
            ConfigError: it is none, there is no such metric, or these outcomes do not have it.
        """
        check_metric(name)
        name = canonical(name)
        passes, category = passes_of(name), category_of(name)
        if name in MEANS:
            mean = MEANS[name]
            values = mean.values(self.outcomes)
            if not values and mean.missing:
                raise ConfigError(f"there is no {name}: {mean.missing}")
            return values
        if passes:
            sign, k = passes
            if k > self.repeats:
                raise ConfigError(f"{name} needs {k} repeats of each question, and there are {self.repeats}")
            return pass_at_k(self.outcomes, k) if sign == "@" else pass_hat_k(self.outcomes, k)
        if category:
            members = by_category(self.outcomes)
            if category not in members:
                raise ConfigError(f"there is no category {category}; {nearest_category(category, members)}")
            return accuracy(members[category])
        raise ConfigError(f"{name} is no mean over questions: question by question there is {', '.join(MEANS)}")

    def table(self) -> dict[str, MetricValue]:
        """Every metric that these outcomes have, but for those of single categories; pass@K for 1 and all repeats."""
        return self._table

    @cached_property
    def _table(self) -> dict[str, MetricValue]:
        names = [name for name in FIXED if not self._missing(name)]
        if self.repeats > 1:
            names += [f"pass{sign}{k}" for sign in "@^" for k in (1, self.repeats)]
        return {name: self.metric(name) for name in names}

    def categories(self) -> dict[str, MetricValue]:
        """The accuracy of each category, by its name."""
        return category_accuracies(self.outcomes, self.clusters, 0.95, self.interval)

    def _missing(self, name: str) -> str:
        """Why these outcomes do not have a metric; "" where they do."""
        if name in SPEEDS and self.seconds <= 0:
            return NO_TIME
        if name in {"prompt_tokens", "completion_tokens", "tokens_per_second"}:
            return "" if any(map(counted, self.outcomes)) else NO_TOKENS
        clock = name.rpartition("_")[0]
        if clock in CLOCKS:
            seconds, missing = CLOCKS[clock]
            return "" if any(seconds(outcome) > 0 for outcome in self.outcomes) else missing
        if name == WORST:
            scored = [outcome for outcome in self.outcomes if outcome.value is not None]
            return "" if len(by_category(scored)) > 1 else "it takes categories in which something was scored"
        return ""
