from __future__ import annotations

import pytest

from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.metrics import canonical, check_metric, higher_is_better
from pytest_nemo_eval.metrics.names import ALIASES, FIXED

PARAMETRISED = ["pass@1", "pass@100", "pass^8", "accuracy[law]", "accuracy[a [b] c]"]


@pytest.mark.parametrize("name", [*FIXED, *ALIASES, *PARAMETRISED])
def test_names_that_there_are(name: str) -> None:
    check_metric(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("acuracy", r"there is no metric acuracy; did you mean accuracy\?"),
        ("latency_p95", r"did you mean latency_p9[09]\?"),
        ("truncation", r"did you mean truncation_rate\?"),
        ("pass@0", r"did you mean pass@1\?"),
        ("pass@", r"did you mean pass@1\?"),
        ("pass@1.5", r"did you mean pass@1\?"),
        ("pass@١", "there is no metric"),
        ("pass@" + "9" * 5000, "there is no metric"),
        ("accuracy[]", r"did you mean accuracy\?"),
        ("zzz", r"there are accuracy, .*worst_category_accuracy, pass@K, pass\^K, accuracy\[CATEGORY\]"),
        ("", "there is no metric"),
    ],
)
def test_names_that_there_are_not(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_metric(name)


def test_aliases() -> None:
    assert {canonical(name) for name in ("accuracy", "mean_reward", "acc", "exact_match")} == {"accuracy"}
    assert canonical("pass@2") == "pass@2"


def test_what_is_good() -> None:
    good = {"accuracy", "samples_per_second", "tokens_per_second", "worst_category_accuracy"}
    assert {name for name in FIXED if higher_is_better(name)} == good
    assert all(map(higher_is_better, [*ALIASES, *PARAMETRISED]))
