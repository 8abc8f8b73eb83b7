"""Command lines as text, to be held against files."""

from __future__ import annotations

import sys
from pathlib import Path

from pytest_nemo_eval.backends.own import START
from pytest_nemo_eval.server import ServerCommand

GOLDEN = Path(__file__).parents[1] / "golden"


def as_text(command: ServerCommand) -> str:
    """Environment lines, an empty one, then the command line, one word a line; at the port that the user asked for."""
    environment = [f"{name}={value}" for name, value in sorted(command.environment.items())]
    words = command.argv if command.port is None else command.at("127.0.0.1", command.port)
    text = "\n".join([*environment, "", *words]) + "\n"
    return text.replace(sys.executable, "{python}").replace(str(START), "{servers}/start.py")


def read(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def names(prefix: str) -> set[str]:
    return {path.stem for path in GOLDEN.glob(f"{prefix}_*.txt")}
