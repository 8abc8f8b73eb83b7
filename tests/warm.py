"""What takes long to import and is not ours: sessions begin with it (see ``tests/forks.py``)."""

from __future__ import annotations

import asyncio
import gc
import importlib

import anyio._backends._asyncio

for _name in ("aiohttp", "httpx", "jinja2", "msgspec", "pytest", "_pytest.pytester", "yaml"):
    importlib.import_module(_name)
for _module in (anyio, anyio._backends._asyncio, asyncio):
    _module.__doc__ = "PYTEST_DONT_REWRITE"  # else pytest warns of plugins that were imported before it
gc.freeze()
