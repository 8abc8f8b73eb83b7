"""The pytest plugin: hooks that stay quiet until an evaluation is collected.

At start-up this imports pytest and the standard library alone; the rest is imported by the first hook that needs it.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from . import extending, hookspecs, html, options, rootdir
from .fixtures import (
    NAMES,
    eval_backend,
    eval_client,
    eval_deployment,
    eval_endpoint,
    eval_launcher,
    eval_model,
    eval_settings,
    interceptors,
    run_benchmark,
)

__all__ = [
    "eval_backend",
    "eval_client",
    "eval_deployment",
    "eval_endpoint",
    "eval_launcher",
    "eval_model",
    "eval_settings",
    "interceptors",
    "run_benchmark",
]

CONTROLLER = pytest.StashKey[Any]()
EVALUATION = pytest.StashKey[bool]()
TAKEN = pytest.StashKey[list[str]]()
MARK = "nemo_eval"


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    rootdir.check_rootdir(early_config, args)
    for entry in options.dotted_keys(early_config.known_args_namespace.override_ini):
        parser.addini(entry.partition("=")[0], "a key of suite files", default=None)
    result = yield
    early_config.stash[TAKEN] = options.add_aliases(parser)
    return result


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    if config.hook.pytest_nemo_eval_register.get_hookimpls():
        extending.register_names(config)
    config.addinivalue_line("markers", f"{MARK}: an evaluation of a language model (set by pytest-nemo-eval itself)")
    if config.stash.get(TAKEN, None) and not hasattr(config, "workerinput"):
        _warn_of_taken_flags(config)
    if config.pluginmanager.hasplugin("html") and config.getoption("htmlpath", None):
        config.stash[html.TABLE] = html.HtmlTable()
        config.pluginmanager.register(config.stash[html.TABLE], "nemo_eval_html")
    if not hasattr(config, "workerinput") and options.any_given(config):
        options.read_settings(config)  # a mistake is told at once, and once


def _warn_of_taken_flags(config: pytest.Config) -> None:
    taken = config.stash[TAKEN]
    ours = ", ".join("--eval-" + flag[2:] for flag in taken)
    text = f"{', '.join(taken)} belong to somebody else here; those of pytest-nemo-eval are {ours}"
    try:
        config.issue_config_time_warning(pytest.PytestConfigWarning(text), stacklevel=2)
    except pytest.PytestConfigWarning:
        return  # with -W error a warning would end sessions that evaluate nothing


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    matches = any(file_path.match(pattern) for pattern in parent.config.getini("eval_files"))
    if not matches and not (parent.session.isinitpath(file_path) and _has_our_keys(file_path)):
        return None
    from .collection import SuiteFile

    suite: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
    suite.settings = options.read_settings(parent.config)
    return suite


def _has_our_keys(path: Path) -> bool:
    """Whether a file that was merely named is a suite, and not a YAML file of another plugin."""
    from ..config.document import top_keys
    from ..config.suite import SECTIONS

    return not top_keys(path).isdisjoint(SECTIONS)


@pytest.hookimpl(trylast=True)  # a model's label comes last in an id
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "eval_model" in metafunc.fixturenames:
        from .models import parametrize

        parametrize(metafunc, options.read_settings(metafunc.config))


def pytest_itemcollected(item: pytest.Item) -> None:
    if not NAMES.isdisjoint(getattr(item, "fixturenames", ())):
        item.stash[EVALUATION] = True
        item.add_marker(MARK)


@pytest.hookimpl(tryfirst=True)  # a worker of pytest-xdist must have spoken before xdist says that it has collected
def pytest_collection_finish(session: pytest.Session) -> None:
    _sort(session.config, session.items)  # after all who sort while they collect, such as --ff
    if options.TASKS_READ in session.config.stash:
        from .checks import check_overrides

        if not check_overrides(session):
            return
    if session.config.getoption("collectonly") or not any(item.stash.get(EVALUATION, False) for item in session.items):
        return
    from .active import activate

    activate(session.config, session.items)


def _sort(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Items of one deployment one after another, the baseline model's first."""
    from_files = options.TASKS_READ in config.stash
    if not (from_files or any(EVALUATION in item.stash for item in items)):
        return
    settings = options.read_settings(config)
    if from_files or settings.models:  # else there is one deployment at most
        from .turns import sort_by_deployment

        sort_by_deployment(items, settings)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if not options.names_a_baseline_model(config) or config.getoption("dist") in ("each", "loadscope", "loadfile"):
        return None
    from .scheduling import ByBenchmark

    return ByBenchmark(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    from .controller import Controller

    if CONTROLLER not in node.config.stash:
        node.config.stash[CONTROLLER] = Controller(node.config)
        node.config.pluginmanager.register(node.config.stash[CONTROLLER], "nemo_eval_controller")
    node.workerinput.update(node.config.stash[CONTROLLER].workerinput())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    node.config.stash[CONTROLLER].collection_finished(ids)
