"""Sets up the environment with PyTriton and Ray Serve as the quickstart does its own, and beside it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def python_with_servers(setup: Any) -> Path:
    """The environment's interpreter; made where it is not there yet, which takes minutes.

    Args:
        setup: the quickstart's ``setup_cpu``, which raises its SetupError where a step fails.
    """
    home = Path(setup.default_home()).with_name("servers")
    venv = home / "venv"
    wanted = setup.digest(REQUIREMENTS)
    home.mkdir(parents=True, exist_ok=True)
    with setup.locked(home) as lock:
        if not setup.is_complete(venv, wanted):
            make(setup, venv, lock)
            setup.mark(venv, wanted)
    return venv / "bin" / "python"


def model(setup: Any, python: Path) -> Path:
    """The quickstart's model; made where it is not there yet."""
    home = Path(setup.default_home())
    made = home / str(setup.MODEL)
    home.mkdir(parents=True, exist_ok=True)
    with setup.locked(home) as lock:
        if not setup.model_is_complete(made):
            setup.make_model(home, python.parents[1], made, lock)
    return made


def make(setup: Any, venv: Path, lock: int) -> None:
    """Installs the pinned list as it stands."""
    setup.say(f"PyTriton and Ray Serve into {venv}: 2.5 GB on disk, about 3 minutes")
    if venv.exists():
        shutil.rmtree(venv)
    setup.run("make the environment", [setup.find_python(), "-I", "-m", "venv", venv], lock)
    install = [*setup.pip(venv), "install", "--no-deps", "--progress-bar=off", "-r", REQUIREMENTS]
    setup.run("install PyTriton and Ray Serve", install, lock)
