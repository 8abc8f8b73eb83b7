"""Turns the plugin on, once there is something to evaluate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ..deployment import Broker, BrokerServer, Demand
from ..errors import EvalError
from .ahead import Ahead
from .announce import Announcer
from .controller import WORKERINPUT, new_session_name
from .evaluator import Evaluator, Worker
from .extending import watch
from .html import TABLE
from .judge import Judge
from .meeting import MeetingLender, MeetingPoint
from .options import read_settings
from .state import SESSION, EvalSession, output_folder
from .turns import Turns, groups


def activate(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Make this process ready to evaluate: a plain pytest, or a worker of pytest-xdist."""
    settings = read_settings(config)
    announcer = Announcer(config)
    told: dict[str, Any] | None = getattr(config, "workerinput", {}).get(WORKERINPUT)
    if told is not None:
        meeting = MeetingPoint(Path(told["meeting"]))
        meeting.announce(groups(items, settings))
        folder = output_folder(config, settings, told["session"])
        session = config.stash[SESSION] = EvalSession(
            settings, MeetingLender(meeting), folder, announcer, shared=meeting.folder
        )
        session.ahead = Ahead(session)
        config.pluginmanager.register(Worker(session), "nemo_eval_worker")
        return
    folder = output_folder(config, settings, new_session_name())
    demand = Demand({} if settings.keep_deployment else groups(items, settings))
    broker = Broker(folder / "servers", announcer.line, demand, settings.keep_deployment, watch(config))
    session = EvalSession(settings, broker, folder, announcer)
    config.stash[SESSION] = session
    session.ahead = Ahead(session)
    session.stack.callback(broker.close)
    judge = _judge(config, session.close, folder)
    judge.tally.expected.update(item.nodeid for item in items)
    config.pluginmanager.register(Evaluator(session), "nemo_eval_evaluator")
    config.pluginmanager.register(Turns(broker), "nemo_eval_turns")
    _report_missing_data(session, items)


def activate_controller(config: pytest.Config, folder: Path, name: str) -> Judge:
    """Make the controller of pytest-xdist own its workers' deployments."""
    settings = read_settings(config)
    output = output_folder(config, settings, name)
    meeting = MeetingPoint(folder)
    each = config.getoption("dist") == "each"  # every worker runs every item: none is over with its first run
    demand = Demand({} if each or settings.keep_deployment else meeting.groups())
    broker = Broker(output / "servers", Announcer(config).line, demand, settings.keep_deployment, watch(config))
    server = BrokerServer(broker)
    meeting.publish(server)
    config.pluginmanager.register(Turns(broker), "nemo_eval_turns")

    def close() -> None:
        try:
            broker.close()
        finally:
            server.close()
            meeting.remove()

    return _judge(config, close, output, meeting.end)


def _judge(
    config: pytest.Config, close: Callable[[], None], folder: Path, interrupted: Callable[[], None] = lambda: None
) -> Judge:
    table = config.stash.get(TABLE, None)
    judge = Judge(close, folder, table, interrupted)
    config.pluginmanager.register(judge, "nemo_eval_judge")
    config.add_cleanup(judge.close)
    if table is not None:
        table.activate()
    return judge


def _report_missing_data(session: EvalSession, items: Sequence[pytest.Item]) -> None:
    """Say at once which items will end in an error because their data is missing, before a model is deployed."""
    from ..evaluation import data_source, find_benchmark
    from .collection import SuiteItem

    for item in items:
        if isinstance(item, SuiteItem):
            try:
                data_source(item.task, find_benchmark(item.task), session.settings).check()
            except EvalError as error:
                session.announcer.line(f"{item.nodeid} will end in an error: {error}")
