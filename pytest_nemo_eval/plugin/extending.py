"""Calls the hooks of plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from ..errors import ConfigError, EvalError, GateFailure

if TYPE_CHECKING:
    from ..config.settings import TaskSettings
    from ..deployment import DeploymentSpec, Watch
    from ..samples import Sample
    from ..server import ServerAddress


def register_names(config: pytest.Config) -> None:
    """Let plugins add names.

    Raises:
        pytest.UsageError: one that cannot be added.
    """
    from ..config.registry import ADDED

    config.add_cleanup(ADDED.clear)
    try:
        config.hook.pytest_nemo_eval_register(registry=ADDED)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None


def changing(item: pytest.Item, task: TaskSettings) -> Callable[[Sample], Sample] | None:
    """What plugins make of each sample of an item; None where none has a say."""
    hook = item.ihook.pytest_nemo_eval_sample
    if not hook.get_hookimpls():
        return None
    from ..samples import Sample

    def change(sample: Sample) -> Sample:
        with said_of("pytest_nemo_eval_sample"):
            found: object = hook(item=item, task=task, sample=sample)
        if found is None:
            return sample
        if not isinstance(found, Sample):
            raise EvalError(f"the hook pytest_nemo_eval_sample gave {found!r}, which is no Sample")
        return found

    return change


@contextmanager
def said_of(hook: str) -> Iterator[None]:
    """What a plugin's hook raises is an error that names the hook."""
    try:
        yield
    except (EvalError, GateFailure):
        raise
    except Exception as error:  # the user's code
        raise EvalError(f"the hook {hook} raised {error!r}") from error


def watch(config: pytest.Config) -> Watch:
    """What plugins are told of deployments."""
    from ..deployment import Watch

    hooks = config.hook

    def before(spec: DeploymentSpec) -> None:
        with said_of("pytest_nemo_eval_before_deployment"):
            hooks.pytest_nemo_eval_before_deployment(config=config, spec=spec)

    def after(spec: DeploymentSpec, address: ServerAddress) -> None:
        with said_of("pytest_nemo_eval_after_deployment"):
            hooks.pytest_nemo_eval_after_deployment(config=config, spec=spec, address=address)

    return Watch(before, after)
