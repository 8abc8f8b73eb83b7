"""Sets up the environment with PyTriton and Ray Serve as the quickstart does its own, and beside it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.live.conftest import load_setup

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def python_with_servers() -> Path:
    """The environment's interpreter; made where it is not there yet, which takes minutes.

    Raises:
        SystemExit: it cannot be made.
    """
    setup = load_setup()
    home = setup.default_home().with_name("servers")
    venv = home / "venv"
    wanted = setup.digest(REQUIREMENTS)
    if not setup.is_complete(venv, wanted):
        home.mkdir(parents=True, exist_ok=True)
        try:
            with setup.locked(home) as lock:
                if not setup.is_complete(venv, wanted):
                    make(setup, venv, lock)
                    setup.mark(venv, wanted)
        except setup.SetupError as error:
            raise SystemExit(str(error)) from None
    return Path(venv) / "bin" / "python"


def make(setup: Any, venv: Path, lock: int) -> None:
    """Installs the pinned list as it stands."""
    setup.say(f"PyTriton and Ray Serve into {venv}: 2.5 GB on disk, about 3 minutes")
    if venv.exists():
        shutil.rmtree(venv)
    setup.run("make the environment", [setup.find_python(), "-I", "-m", "venv", venv], lock)
    install = [*setup.pip(venv), "install", "--no-deps", "--progress-bar=off", "-r", REQUIREMENTS]
    setup.run("install PyTriton and Ray Serve", install, lock)
