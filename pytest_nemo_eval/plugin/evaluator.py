"""Hooks of a process that runs evaluations."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import pytest

from ..errors import EvalError
from ..evaluation import BenchmarkResult
from .fixtures import NAMES
from .outcome import EVALUATED, mark_report
from .plain import plain
from .runner import judge
from .state import EvalSession


class Evaluator:
    """A plain pytest: marks the reports of evaluations, and knows which items come next."""

    def __init__(self, session: EvalSession) -> None:
        self._session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        if self._session.ahead is not None:
            self._session.ahead.begin_turn(item, self._coming(item, nextitem))

    def _coming(self, item: pytest.Item, nextitem: pytest.Item | None) -> Sequence[pytest.Item]:
        items = item.session.items
        return items[items.index(item) + 1 :] if nextitem is not None else ()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        asked = not NAMES.isdisjoint(getattr(item, "fixturenames", ())) or EVALUATED in item.stash
        if asked or (call.excinfo is not None and isinstance(call.excinfo.value, EvalError)):
            mark_report(item, call, report)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_nemo_eval_judge(self, result: BenchmarkResult) -> None:
        __tracebackhide__ = True
        judge(result)

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> list[str] | None:
        from ..evaluation import MeasuredFloat, headline

        lines = [headline(side.result, side.metric) for side in (left, right) if isinstance(side, MeasuredFloat)]
        return [f"{_show(left)} {op} {_show(right)}", *lines] if lines else None


def _show(side: object) -> str:
    return f"{side:.4f}" if isinstance(side, float) else repr(side)


class Worker(Evaluator):
    """A worker of pytest-xdist: which items it gets beyond the next one is not known yet."""

    def _coming(self, item: pytest.Item, nextitem: pytest.Item | None) -> Sequence[pytest.Item]:
        return () if nextitem is None else (nextitem,)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self) -> Generator[None, Any, Any]:
        data = yield
        return plain(data)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        try:
            return (yield)
        finally:
            self._session.close()
