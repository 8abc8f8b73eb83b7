"""Sessions with and without pytest-xdist."""

from __future__ import annotations

import pytest

_SERIAL = pytest.param((), id="serial")
MODES = pytest.mark.parametrize("mode", [_SERIAL, pytest.param(("-n", "2"), id="n2", marks=pytest.mark.once)])
"""With workers in one environment of tox alone: three processes take three times as long."""
EVERY_MODE = pytest.mark.parametrize("mode", [_SERIAL, pytest.param(("-n", "2"), id="n2")])
"""With workers in each environment: what differs from version to version would show here."""
