"""Finds baselines, and saves them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import ConfigError, EvalError
from . import lm_eval, nemo
from .baseline import OWN, Baseline, Stored, Wanted
from .reader import read_record, read_run
from .record import RunStatus
from .writer import RESULTS

RERUN = "rerun"
"""Below a Run's folder: the second run of ``--eval-aa``."""


class BaselineMissingError(ConfigError):
    """The baseline does not have the benchmark."""


def locate(text: str, relative_to: Path, saved: Path) -> Path:
    """The folder that a user means: a saved name, or a folder.

    Raises:
        ConfigError: neither.
    """
    if "/" not in text and (saved / text).is_dir():
        return saved / text
    path = relative_to / Path(text).expanduser()
    if path.is_dir():
        return path
    names = sorted(entry.name for entry in saved.iterdir() if entry.is_dir()) if saved.is_dir() else []
    raise ConfigError(
        f"there is no baseline {text}: neither a folder {path}, nor saved in {saved} "
        f"(saved there: {', '.join(names) or 'none'}; --eval-save-baseline NAME saves one)"
    )


def find_baseline(name: str, folder: Path, wanted: Wanted) -> Baseline:
    """The one benchmark in a baseline's folder that is the wanted one.

    Raises:
        ConfigError: none, or several that fit equally well.
    """
    stored = list_stored(folder)
    fitting = [one for one in stored if one.benchmark == wanted.benchmark]
    tests: Sequence[Callable[[Stored], bool]] = (
        lambda one: one.variant in (wanted.variant, ""),
        lambda one: one.data_fingerprint == wanted.data_fingerprint,
        lambda one: one.item == wanted.item,
    )
    for test in tests:
        fitting = [one for one in fitting if test(one)] or fitting
    if not fitting:
        there = ", ".join(sorted({one.benchmark for one in stored})) or "no finished benchmark"
        raise BaselineMissingError(f"the baseline {name} has no {wanted.benchmark}; {folder} holds {there}")
    if len(fitting) > 1:
        places = ", ".join(str(one.path) for one in fitting[:5])
        raise ConfigError(
            f"the baseline {name} has {len(fitting)} runs of {wanted.benchmark}: {places}; name the one that is meant"
        )
    return fitting[0].load(name, wanted)


def list_stored(folder: Path) -> list[Stored]:
    """What a folder holds: Runs, NeMo Evaluator's bundles, lm-eval's sample logs."""
    found = []
    for path in sorted(folder.rglob("eval-*.json")):
        found += list(_own(path) if nemo.is_own(path) else nemo.stored(path))
    return found or lm_eval.stored(folder)


def _own(path: Path) -> list[Stored]:
    if path.parent.name == RERUN:
        return []
    try:
        record = read_record(path.parent)
    except EvalError:
        return []
    if record.status is not RunStatus.FINISHED:
        return []
    benchmark = record.benchmark
    item = record.item.rpartition("::")[2]
    return [Stored(benchmark.name, benchmark.variant, item, benchmark.data_fingerprint, path.parent, _loader(path))]


def _loader(path: Path) -> Callable[[str, Wanted], Baseline]:
    def load(name: str, wanted: Wanted) -> Baseline:
        run = read_run(path.parent)
        return Baseline(name, OWN, run.folder, run.record, run.results)

    return load


def check_name(name: str) -> None:
    """Whether a baseline can be saved under this name.

    Raises:
        ConfigError: it cannot.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", name):
        raise ConfigError(f"a baseline's name may hold letters, digits and . _ - + : {name!r} does not")


def save_baseline(run: Path, saved: Path, name: str) -> Path:
    """Copy a finished Run to the baseline of this name, in place of what it had of the same item.

    Raises:
        EvalError: it cannot be written.
    """
    check_name(name)
    place = saved / name / run.name
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".saving-", dir=place.parent) as folder:
            made = Path(folder) / "run"
            made.mkdir()
            for path in (*run.glob("eval-*.json"), run / RESULTS):
                shutil.copyfile(path, made / path.name)
            if place.exists():
                os.rename(place, Path(folder) / "old")
            os.rename(made, place)
    except OSError as error:
        raise EvalError(f"the baseline {name} cannot be saved to {place}: {error.strerror}") from None
    return place
