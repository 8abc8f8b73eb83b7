"""What metrics there are, and what they are called."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import ConfigError
from ..scores import Outcome
from .accuracy import accuracy
from .categories import WORST
from .latency import Clock, first_token_mean, first_token_seconds, latency_mean, reply_seconds
from .rates import empty_reply_rate, error_rate, extraction_failure_rate, identical_reply_rate, truncation_rate
from .speed import samples_per_second, tokens_per_second
from .tokens import completion_tokens, prompt_tokens
from .values import MetricValue


@dataclass(frozen=True)
class Mean:
    """A metric that is a mean over questions.

    Attributes:
        values: the value of each question.
        share: they are from 0 to 1.
        missing: why there may be none.
    """

    values: Callable[[Sequence[Outcome]], dict[str, float]]
    higher_is_better: bool = False
    share: bool = True
    missing: str = ""


NO_TOKENS = "no reply came with its number of tokens"
NO_SECONDS = "no reply came with its seconds"
NO_STREAM = "no reply was streamed"
NO_TIME = "it is not known how long the benchmark took"

MEANS: Mapping[str, Mean] = {
    "accuracy": Mean(accuracy, higher_is_better=True),
    "extraction_failure_rate": Mean(extraction_failure_rate),
    "truncation_rate": Mean(truncation_rate),
    "error_rate": Mean(error_rate),
    "empty_reply_rate": Mean(empty_reply_rate),
    "identical_reply_rate": Mean(identical_reply_rate),
    "prompt_tokens": Mean(prompt_tokens, share=False, missing=NO_TOKENS),
    "completion_tokens": Mean(completion_tokens, share=False, missing=NO_TOKENS),
    "latency_mean": Mean(latency_mean, share=False, missing=NO_SECONDS),
    "first_token_mean": Mean(first_token_mean, share=False, missing=NO_STREAM),
}
CLOCKS: Mapping[str, tuple[Clock, str]] = {
    "latency": (reply_seconds, NO_SECONDS),
    "first_token": (first_token_seconds, NO_STREAM),
}
"""What is timed, as names begin, and why it may be missing."""
PERCENTILES: Mapping[str, tuple[str, float]] = {
    f"{clock}_p{percent}": (clock, percent / 100) for clock in CLOCKS for percent in (50, 90, 99)
}
"""Of which clock, and which share."""
SPEEDS: Mapping[str, Callable[[Sequence[Outcome], float], MetricValue | None]] = {
    "samples_per_second": samples_per_second,
    "tokens_per_second": tokens_per_second,
}
ALIASES: Mapping[str, str] = {"mean_reward": "accuracy", "acc": "accuracy", "exact_match": "accuracy"}
FIXED: tuple[str, ...] = (*MEANS, *PERCENTILES, *SPEEDS, WORST)
PATTERNS = ("pass@K", "pass^K", "accuracy[CATEGORY]")

_PASS = re.compile(r"pass([@^])([1-9][0-9]{0,5})")
_CATEGORY = re.compile(r"accuracy\[(.+)\]", re.DOTALL)


def canonical(name: str) -> str:
    """The name by which a metric is known here."""
    return ALIASES.get(name, name)


def passes_of(name: str) -> tuple[str, int] | None:
    """``pass@8`` to ("@", 8), ``pass^8`` to ("^", 8), anything else to None."""
    match = _PASS.fullmatch(name)
    return (match[1], int(match[2])) if match else None


def category_of(name: str) -> str | None:
    """``accuracy[law]`` to "law", anything else to None."""
    match = _CATEGORY.fullmatch(name)
    return match[1] if match else None


def check_metric(name: str) -> None:
    """Whether a metric can be called so, whatever the outcomes may be.

    Raises:
        ConfigError: it cannot; the message names the nearest one.
    """
    if canonical(name) in FIXED or passes_of(name) or category_of(name):
        return
    near = difflib.get_close_matches(name, [*FIXED, *ALIASES, "pass@1", "pass^1"], n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join((*FIXED, *PATTERNS))}"
    raise ConfigError(f"there is no metric {name}; {hint}")


def higher_is_better(name: str) -> bool:
    """Whether more of a metric is good; of rates, tokens and latencies it is not."""
    mean = MEANS.get(canonical(name))
    return mean.higher_is_better if mean else name not in PERCENTILES


def is_share(name: str) -> bool:
    """Whether a metric lies between 0 and 1."""
    mean = MEANS.get(canonical(name))
    return mean.share if mean else name not in PERCENTILES and name not in SPEEDS


def has_no_interval(name: str) -> bool:
    """Whether a metric is one number of a whole run."""
    return name in SPEEDS


def nearest_category(category: str, categories: Iterable[str]) -> str:
    """What a message says where a category is not there."""
    known = list(categories)
    near = difflib.get_close_matches(category, known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(known)}" if known else "these results have no categories"
