from __future__ import annotations

from pytest_nemo_eval.deployment import Demand


def demand(now: list[float]) -> Demand:
    return Demand({"one": "a", "two": "a", "three": "b"}, lambda: now[0])


def test_the_last_item_of_a_group_ends_it() -> None:
    items = demand([0.0])
    assert items.ended("one") is None
    assert not items.is_over("a")
    assert items.ended("one") is None
    assert items.ended("unknown") is None
    assert items.ended("two") == "a"
    assert items.ended("two") is None
    assert items.is_over("a")
    assert not items.is_over("b")


def test_a_group_that_no_item_is_known_of_is_never_over() -> None:
    assert not demand([0.0]).is_over("")
    assert demand([0.0]).idle_seconds("") is None


def test_a_group_is_idle_since_its_last_item_ended() -> None:
    now = [0.0]
    items = demand(now)
    items.began("one")
    items.began("unknown")
    now[0] = 5.0
    assert items.idle_seconds("a") == 0.0
    assert items.idle_seconds("b") == 5.0
    items.ended("one")
    now[0] = 7.0
    assert items.idle_seconds("a") == 2.0
