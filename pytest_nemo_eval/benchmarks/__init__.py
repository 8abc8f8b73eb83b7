"""Declarations: samples, prompt, generation parameters, scorer."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import cast

from ..config.registry import ADDED
from ..errors import ConfigError
from .base import Benchmark, Generation
from .custom import custom_benchmark

BENCHMARKS: Mapping[str, str] = {
    "gsm8k:lm-eval": "gsm8k:LM_EVAL",
    "gsm8k:lm-eval-strict": "gsm8k:LM_EVAL_STRICT",
    "gsm8k:nemo-evaluator": "gsm8k:NEMO_EVALUATOR",
    "mmlu_pro:lm-eval": "mmlu_pro:LM_EVAL",
    "mmlu_pro:nvidia-simple-evals": "mmlu_pro:NVIDIA_SIMPLE_EVALS",
}
"""Full name to ``module:attribute``, the module within this package; a benchmark's first variant is its default."""

PLANNED = (
    "mmlu",
    "gpqa",
    "humaneval",
    "mbpp",
    "ifeval",
    "math500",
    "math",
    "bbh",
    "truthfulqa",
    "arc",
    "hellaswag",
    "winogrande",
    "drop",
    "triviaqa",
    "simpleqa",
    "mgsm",
)
"""Benchmarks of later versions: a suite that names one is collected, and says so when it runs."""


def get_benchmark(name: str) -> Benchmark:
    """The benchmark of that name, in the variant behind a colon or in its default one.

    Raises:
        ConfigError: no such benchmark.
    """
    added = ADDED.load("benchmark", name)
    if added is not None:
        return cast(Benchmark, added)
    full_name = name if ":" in name else next((full for full in BENCHMARKS if full.startswith(f"{name}:")), name)
    if full_name not in BENCHMARKS:
        near = difflib.get_close_matches(
            name, [*BENCHMARKS, *ADDED.names("benchmark"), *{full.partition(":")[0] for full in BENCHMARKS}], n=1
        )
        if is_planned(name):
            raise ConfigError(
                f"the benchmark {name} is not available in this version (available: {', '.join(BENCHMARKS)})"
            )
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(BENCHMARKS)}"
        raise ConfigError(
            f"no benchmark is called {name!r}; {hint} (one of your own needs a prompt and a scorer beside its name)"
        )
    module, _, attribute = BENCHMARKS[full_name].partition(":")
    return cast(Benchmark, getattr(import_module(f".{module}", __name__), attribute))


def list_benchmarks() -> list[str]:
    """All full names, each benchmark's default variant first."""
    return list(BENCHMARKS)


def is_planned(name: str) -> bool:
    """Whether a later version has this benchmark."""
    return name.partition(":")[0] in PLANNED and ADDED.path("benchmark", name) is None


__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "Generation",
    "custom_benchmark",
    "get_benchmark",
    "is_planned",
    "list_benchmarks",
]
