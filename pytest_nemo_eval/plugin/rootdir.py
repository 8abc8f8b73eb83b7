"""Notices when pytest took an option's value for a test path.

pytest looks for its rootdir and ini-file before it knows our options: in ``--model-path DIR`` it takes an existing DIR
for a test path, and may end with the rootdir ``/``, or with a foreign ini-file that lies beside the model.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from .options import OPTIONS

FLAGS = {flag for option in OPTIONS for flag in (option.flag, option.alias) if flag}


def values_after_space(args: Sequence[str]) -> list[tuple[str, str]]:
    """(flag, value) of each of our options that is written with a space and whose value is an existing path."""
    found = []
    for flag, value in itertools.pairwise(args):
        if flag == "--":
            break
        if flag in FLAGS and not value.startswith("-") and _exists(value):
            found.append((flag, value))
    return found


def _exists(value: str) -> bool:
    try:
        return Path(value.split("::")[0]).exists()
    except OSError:
        return False


def check_rootdir(config: pytest.Config, args: Sequence[str]) -> None:
    """Take such values out of the paths whose conftest.py files are loaded, and stop where the rootdir has shifted.

    Raises:
        pytest.UsageError: says to write ``--model-path=DIR``.
    """
    mistaken = values_after_space(args)
    if not mistaken:
        return
    namespace = config.known_args_namespace
    paths = list(namespace.file_or_dir)
    for _, value in mistaken:
        if value in paths:
            paths.remove(value)
    before = _find(config, [*paths, *(value for _, value in mistaken)])
    if before != _find(config, paths):
        flag, value = mistaken[0]
        raise pytest.UsageError(
            f"pytest took {value} for a test path and would use the rootdir {config.rootpath} and the ini-file "
            f"{config.inipath}: write {flag}={value} instead of {flag} {value}"
        )
    namespace.file_or_dir[:] = paths


def _find(config: pytest.Config, paths: list[str]) -> object:
    """The rootdir and ini-file that pytest finds for test paths.

    pytest has no public way to ask; should this one change, any mistaken path is taken to matter.
    """
    try:
        from _pytest.config.findpaths import determine_setup

        namespace = config.known_args_namespace
        known: dict[str, Any] = {
            "inifile": namespace.inifilename,
            "override_ini": None,
            "args": paths,
            "rootdir_cmd_arg": namespace.rootdir or None,
            "invocation_dir": config.invocation_params.dir,
        }
        wanted = inspect.signature(determine_setup).parameters
        found = determine_setup(**{name: value for name, value in known.items() if name in wanted})
        return found[:2]
    except (ImportError, AttributeError, TypeError):
        return paths
