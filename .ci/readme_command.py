"""Prints the shell command that stands in a README behind the comment ``<!-- command: NAME -->``."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def command_of(readme: str, name: str) -> str:
    """The first indented or fenced command behind the comment. Raises SystemExit without one."""
    found = re.search(rf"<!-- command: {re.escape(name)} -->\s*```\w*\n(.*?)```", readme, re.DOTALL)
    if not found:
        raise SystemExit(f"the README has no command {name}")
    return found[1].strip()


if __name__ == "__main__":
    print(command_of(Path(sys.argv[2]).read_text(encoding="utf-8"), sys.argv[1]))  # noqa: T201
