"""Lines for the person who waits, while pytest captures what tests print."""

from __future__ import annotations

import threading

import pytest


class Announcer:
    """Writes lines to the terminal in the middle of a test. A worker of pytest-xdist has none, and says nothing."""

    def __init__(self, config: pytest.Config) -> None:
        plugins = config.pluginmanager
        self._terminal = plugins.getplugin("terminalreporter")
        self._capture = plugins.getplugin("capturemanager")
        self._main = threading.get_ident()

    def line(self, text: str) -> None:
        """Write one line."""
        if self._terminal is None:
            return
        if self._capture is not None and threading.get_ident() == self._main:
            with self._capture.global_and_fixture_disabled():
                self._write(text)
        else:
            self._write(text)

    def _write(self, text: str) -> None:
        shown = "".join(c if c.isprintable() else " " for c in text)
        self._terminal.ensure_newline()
        self._terminal.write_line(f"[eval] {shown}")
