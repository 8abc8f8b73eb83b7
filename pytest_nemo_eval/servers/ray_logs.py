"""Why a deployment failed: Ray Serve says it in its status and in files, not to the program that deployed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_LINES = 40
TAIL_BYTES = 64 * 1024


def cause(status: Any, name: str, folder: Path) -> str:
    """What the status says of an application, and the last errors of the logs that lie in our folder."""
    application = status.applications.get(name)
    messages = [] if application is None else [application.message]
    messages += [] if application is None else [found.message for found in application.deployments.values()]
    lines = [line for message in messages for line in message.splitlines() if line.strip()]
    return "\n".join(dict.fromkeys([*lines[-MOST_LINES:], *logged_errors(folder)]))


def logged_errors(folder: Path) -> list[str]:
    """The last lines that Serve's logs call an error, with the tracebacks that follow them."""
    found: list[str] = []
    for log in sorted(folder.glob("ray/session_*/logs/serve/*.log")):
        if not log.parent.parent.parent.is_symlink():
            found += list(_errors(log))[-MOST_LINES:]
    return found[-MOST_LINES:]


def _errors(log: Path) -> Iterator[str]:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        text = file.read().decode("utf-8", "replace")
    inside = False
    for line in text.splitlines():
        level = next((word for word in ("ERROR", "WARNING", "INFO", "DEBUG") if line.startswith(f"{word} ")), "")
        inside = level == "ERROR" or (inside and not level)
        if inside:
            yield line
