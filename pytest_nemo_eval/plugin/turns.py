"""Which items share a deployment, and in which order they run, so that each deployment is up once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import pytest

from ..config.options import EvalSettings, Serving, has_baseline_model, resolve_serving
from ..config.settings import SuiteSettings
from ..deployment import Broker
from ..errors import EvalError
from .fixtures import NAMES
from .models import is_baseline, settings_for

SUITE = pytest.StashKey[SuiteSettings]()
"""On an item of a suite file: the file's settings."""


def group_of(serving: Serving) -> str:
    """A name for the deployment that a Serving asks for; "" where nothing is deployed."""
    if serving.url is not None:
        return ""
    wanted = (serving.backend, serving.launcher, serving.deployment, serving.execution)
    return hashlib.sha256(msgspec.json.encode(wanted, order="deterministic")).hexdigest()[:16]


def groups(items: Sequence[pytest.Item], settings: EvalSettings) -> dict[str, str]:
    """Item to group, for the evaluations that need a deployment."""
    found = {item.nodeid: _group(item, settings) for item in items if _evaluates(item)}
    return {item: group for item, group in found.items() if group}


def sort_by_deployment(items: list[pytest.Item], settings: EvalSettings) -> None:
    """Put items of one deployment behind its first one; each keeps its order otherwise, and others their place.

    What measures the baseline model comes before all else.
    """
    if has_baseline_model(settings):
        items.sort(key=lambda item: not is_baseline(item))
    wanted = groups(items, settings)
    if len(set(wanted.values())) < 2:
        return
    first: dict[str, int] = {}
    places: list[tuple[int, int]] = []
    for place, item in enumerate(items):
        group = wanted.get(item.nodeid)
        places.append((place if group is None else first.setdefault(group, place), place))
    items[:] = [items[place] for _, place in sorted(places)]


def _evaluates(item: pytest.Item) -> bool:
    return SUITE in item.stash or not NAMES.isdisjoint(getattr(item, "fixturenames", ()))


def _group(item: pytest.Item, settings: EvalSettings) -> str:
    try:
        return group_of(resolve_serving(settings_for(item, settings), item.stash.get(SUITE, None)))
    except EvalError:  # the item itself will tell
        return ""


class Turns:
    """Tells the broker which items begin and end: in a plain pytest, or the controller of pytest-xdist."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._broker.began(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._broker.ended(nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        self._broker.ended(crashitem)
