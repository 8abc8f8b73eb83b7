"""Sends the samples of coming items while an earlier one waits for its last answers, so that no server stands idle."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import pytest

from ..config.options import resolve_serving
from ..evaluation import Execution
from . import fixtures
from .asking import begin
from .chains import close_all, default_interceptors
from .collection import CELL, SuiteItem
from .models import FIXTURE, plan_item, settings_for
from .rules import RULES
from .serving import client_of
from .state import EvalSession
from .turns import SUITE

OURS = frozenset({*fixtures.__all__, CELL, "request", "pytestconfig"})
DECIDING_MARKS = ("skip", "skipif", "xfail", "flaky", "dependency")
"""Marks by which an item may turn out not to run, or otherwise than its file says."""
DECIDING_HOOKS = ("pytest_runtest_protocol", "pytest_runtest_setup", "pytest_runtest_call", "pytest_pyfunc_call")
"""Hooks by which the user's own code may decide the same as the item's turn comes."""


class Ahead:
    """What was sent ahead, by item."""

    def __init__(self, session: EvalSession) -> None:
        self._session = session
        self._coming: Sequence[pytest.Item] = ()
        self._started: dict[str, Execution] = {}
        self._refused: set[str] = set()

    def begin_turn(self, item: pytest.Item, coming: Sequence[pytest.Item]) -> None:
        """An item's turn has come; ``coming`` are those after it, as far as this process knows them, in order."""
        self._coming = coming
        over = self._started.keys() - {item.nodeid, *(later.nodeid for later in coming)}
        self._abandon(sorted(over), "sent ahead; its item was not run")

    def look(self, item: pytest.Item, current: Execution) -> None:
        """Start the next item's samples if everything before it is on its way. Never raises what a sample may cause."""
        if self._session.settings.aa or not self._may(item):
            return
        last = current
        for coming in self._coming:
            if not last.drained or coming.nodeid in self._refused:
                return
            started = self._started.get(coming.nodeid) or self._start(item, coming, current)
            if started is None:
                self._refused.add(coming.nodeid)
                return
            last = started

    def take(self, item: pytest.Item) -> Execution | None:
        """What was sent ahead of an item that runs now; it is the caller's to finish."""
        return self._started.pop(item.nodeid, None)

    def close(self) -> None:
        """Cancel what no item came for; answers that are there stay for the next session. Idempotent."""
        self._coming = ()
        self._abandon(list(self._started), "sent ahead; the session ended before its item")

    def _abandon(self, names: Sequence[str], why: str) -> None:
        abandoned = [self._started.pop(name) for name in names]
        for execution in abandoned:
            execution.cancel()
        for execution in abandoned:
            execution.abandon(why)

    def _start(self, item: pytest.Item, coming: pytest.Item, current: Execution) -> Execution | None:
        if not (self._may(coming) and isinstance(coming, SuiteItem)):
            return None
        session = self._session
        try:
            if not self._same_endpoint(item, coming):
                return None
            rules, _ = coming.stash[RULES]
            settings = settings_for(coming, session.settings)
            job = plan_item(coming, coming.task, settings, (), rules, session)
            interceptors = default_interceptors(coming, session.settings)
            session.stack.callback(close_all, interceptors)
            client = client_of(current.client.endpoint, interceptors, session)
            started = begin(session, job, client, session.run_folder(coming.nodeid), coming.path)
        except Exception:  # its own turn will tell
            return None
        self._started[coming.nodeid] = started
        return started

    def _same_endpoint(self, item: pytest.Item, coming: pytest.Item) -> bool:
        """By what their files ask for; one URL may serve several models, and take several keys."""
        served, wanted = (
            resolve_serving(settings_for(one, self._session.settings), one.stash.get(SUITE, None))
            for one in (item, coming)
        )
        return served == wanted

    def _may(self, item: pytest.Item) -> bool:
        """Whether nothing but our own fixtures decides how a suite's item is asked."""
        return (
            isinstance(item, SuiteItem)
            and OURS.issuperset(item.fixturenames)
            and not any(item.get_closest_marker(name) for name in DECIDING_MARKS)
            and not _is_overridden(item)
            and not _is_decided_later(item)
        )


def _is_overridden(item: pytest.Function) -> bool:
    """Whether one of our fixtures has a second definition, by whatever name in Python, or a parameter."""
    definitions = item._fixtureinfo.name2fixturedefs  # pytest has no public word for it
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return not parameters.keys() <= {CELL, FIXTURE} or any(
        len(definitions.get(name, ())) != 1 for name in fixtures.__all__
    )


def _is_decided_later(item: pytest.Item) -> bool:
    """Whether the user's own code, such as a conftest.py, has a word in what becomes of an item when its turn comes."""
    plugins = [call.plugin for hook in DECIDING_HOOKS for call in getattr(item.ihook, hook).get_hookimpls()]
    modules = [plugin for plugin in plugins if isinstance(plugin, ModuleType)]
    installed = [plugin for plugin, _ in item.config.pluginmanager.list_plugin_distinfo()]
    if item.ihook.pytest_nemo_eval_before_benchmark.get_hookimpls():
        return True
    return any(not module.__name__.startswith("_pytest.") and module not in installed for module in modules)
