"""Sends the samples of coming items while an earlier one waits for its last answers, so that no server stands idle."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import pytest

from ..config.options import resolve_serving
from ..evaluation import Execution, plan
from . import fixtures
from .asking import begin
from .checks import is_overridden
from .collection import CELL, SuiteItem
from .rules import RULES
from .serving import SUITE, client_of
from .state import EvalSession

OURS = (*fixtures.__all__, CELL, "request", "pytestconfig")
DECIDING = ("skip", "skipif", "xfail", "usefixtures", "flaky")
"""Marks by which an item may turn out not to run, or otherwise than its file says."""


class Ahead:
    """What was sent ahead, by item.

    Attributes:
        coming: the items after the one that runs, as far as this process knows them, in order.
    """

    def __init__(self, session: EvalSession) -> None:
        self.coming: Sequence[pytest.Item] = ()
        self._session = session
        self._started: dict[str, Execution] = {}
        self._refused: set[str] = set()

    def look(self, item: pytest.Item, current: Execution) -> None:
        """Start the next item's samples if everything before it is on its way. Never raises what a sample may cause."""
        if self._session.settings.aa or not self._may(item):
            return
        last = current
        for coming in self.coming:
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
        """Cancel what no item came for; answers that are there stay for the next session."""
        while self._started:
            _, execution = self._started.popitem()
            execution.close()
            if execution.book.done:
                execution.fail(KeyboardInterrupt("sent ahead; the session ended before its item"))
            else:
                shutil.rmtree(execution.place.folder, ignore_errors=True)

    def _start(self, item: pytest.Item, coming: pytest.Item, current: Execution) -> Execution | None:
        if not (self._may(coming) and isinstance(coming, SuiteItem)):
            return None
        session = self._session
        try:
            if not self._same_endpoint(coming, current):
                return None
            rules, _ = coming.stash[RULES]
            job = plan(coming.nodeid, coming.task, session.settings, (), rules)
            client = client_of(current.client.endpoint, [], session)
            started = begin(session, job, client, session.run_folder(coming.nodeid), coming.path)
        except Exception:  # its own turn will tell
            return None
        self._started[coming.nodeid] = started
        return started

    def _same_endpoint(self, coming: pytest.Item, current: Execution) -> bool:
        served = self._session.served.get(current.client.endpoint.base_url)
        return served is not None and resolve_serving(self._session.settings, coming.stash.get(SUITE, None)) == (
            served.serving
        )

    def _may(self, item: pytest.Item) -> bool:
        """Whether nothing but our own fixtures decides how a suite's item is asked."""
        return (
            isinstance(item, SuiteItem)
            and set(OURS).issuperset(item.fixturenames)
            and not any(item.get_closest_marker(name) for name in DECIDING if name != "usefixtures")
            and not any(is_overridden(name, item.path, item.config) for name in fixtures.__all__)
        )
