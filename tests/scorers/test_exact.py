from __future__ import annotations

import pytest

from pytest_nemo_eval.errors import ScorerError
from pytest_nemo_eval.samples import Sample
from pytest_nemo_eval.scorers import create_scorer


def value(scorer: str, target: str, reply: str) -> float:
    return create_scorer(scorer)(Sample(id="1", input="?", target=target), reply).value


@pytest.mark.parametrize(
    ("target", "reply", "right"),
    [
        ("Paris", " **paris**.\n", True),
        ("New York", "“New\n  York!”", True),
        ("large|big", "Big", True),
        ("Paris", "It is Paris", False),
        ("5", "-5", False),
        ("5", ".5", False),
        ("5", "5.", True),
        ("C", "C++", False),
        ("C++", "c++.", True),
        ("?", "?", True),
        ("Straße", "STRASSE", True),
    ],
)
def test_exact(target: str, reply: str, right: bool) -> None:
    assert value("exact", target, reply) == right


@pytest.mark.parametrize(
    ("target", "reply", "right"),
    [
        ("Paris", "The capital is Paris, of course", True),
        ("Paris", "comparison", False),
        ("Paris", "Parisian", False),
        ("New York", "in new\nyork.", True),
        ("large|big", "a big one", True),
        ("5", "15", False),
        ("5", "3.5", False),
        ("5", "5.25", False),
        ("5", "-5", False),
        ("5", "1,500", False),
        ("5", "3-5", True),
        ("5", "It is 5.", True),
        ("-5", "It is -5.", True),
        ("C++", "in C++, mostly", True),
        ("C++", "in C", False),
        ("a.c", "abc", False),
    ],
)
def test_includes(target: str, reply: str, right: bool) -> None:
    assert value("includes", target, reply) == right


@pytest.mark.parametrize("scorer", ["exact", "includes"])
@pytest.mark.parametrize("target", ["", " | "])
def test_an_empty_target_cannot_be_ruled_on(scorer: str, target: str) -> None:
    with pytest.raises(ScorerError, match="empty"):
        value(scorer, target, "anything")
