from __future__ import annotations

import pytest

from pytest_nemo_eval.errors import ConfigError, ScorerError
from pytest_nemo_eval.samples import Sample
from pytest_nemo_eval.scorers import SCORERS, create_scorer
from pytest_nemo_eval.scores import Score

SAMPLE = Sample(id="7", input="?", target="x")
NOT_CALLABLE = 1


def half(sample: Sample, reply: str) -> float:
    return 0.5


def found(sample: Sample, reply: str) -> bool:
    return sample.target in reply


def whole(sample: Sample, reply: str) -> Score:
    return Score(value=1, answer="x", explanation="all of it")


def too_much(sample: Sample, reply: str) -> float:
    return 2


def too_much_of_a_score(sample: Sample, reply: str) -> Score:
    return Score(value=float("nan"), answer="x")


def nothing(sample: Sample, reply: str) -> None:
    return None


def breaks(sample: Sample, reply: str) -> float:
    raise KeyError("gone")


@pytest.mark.parametrize("name", SCORERS)
def test_every_name_of_the_table_makes_a_scorer_of_that_name(name: str) -> None:
    assert create_scorer(name).name == name


@pytest.mark.parametrize(("name", "hint"), [("numerc", "did you mean numeric?"), ("zzz", "there are exact, includes")])
def test_an_unknown_name(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint.replace("?", r"\?")):
        create_scorer(name)


@pytest.mark.parametrize(("function", "value"), [("half", 0.5), ("found", 1.0), ("whole", 1.0)])
def test_a_function_of_ones_own(function: str, value: float) -> None:
    assert create_scorer(f"{__name__}:{function}")(SAMPLE, "x").value == value


@pytest.mark.parametrize("function", ["too_much", "too_much_of_a_score", "nothing", "breaks"])
def test_a_function_that_gives_no_ruling(function: str) -> None:
    with pytest.raises(ScorerError, match=function):
        create_scorer(f"{__name__}:{function}")(SAMPLE, "x")


@pytest.mark.parametrize("name", ["no_such_module:f", f"{__name__}:missing", f"{__name__}:NOT_CALLABLE", ":f", "a:"])
def test_a_function_that_is_not_there(name: str) -> None:
    with pytest.raises(ConfigError, match="the scorer"):
        create_scorer(name)
