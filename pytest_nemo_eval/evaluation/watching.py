"""Samples a server's own metrics into a Run while it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import aiohttp
import anyio

from ..client import Pool
from ..endpoint import Endpoint
from ..errors import EvalError
from ..runs.server_metrics import SERVER_METRICS, Course, MetricsFile, parse_metrics, summarise

SAMPLE_SECONDS = 5.0
PROBE_SECONDS = 5.0


def metrics_url(endpoint: Endpoint) -> str | None:
    """Where a server of one's own tells its metrics; None for what is reached over https, or not at all."""
    root = endpoint.base_url.removesuffix("/v1")
    return f"{root}/metrics" if root.startswith("http://") else None


class Watcher:
    """Asks for a server's metrics at the start and every five seconds; a server without any is left alone.

    Args:
        folder: of the Run.
        clock: the Run's seconds.
    """

    def __init__(self, endpoint: Endpoint, pool: Pool, folder: Path, clock: Callable[[], float]) -> None:
        self._file = MetricsFile(folder / SERVER_METRICS)
        self._url = metrics_url(endpoint)
        self._pool = pool
        self._clock = clock
        self._tells = True

    async def run(self) -> None:
        """Until it is cancelled."""
        while await self.look():
            await anyio.sleep(SAMPLE_SECONDS)

    async def end(self) -> None:
        """One more line, unless the server is known to tell nothing."""
        if self._tells:
            await self.look()

    def summary(self) -> dict[str, Course]:
        """How each metric went, as far as it is on disk. Never raises."""
        try:
            return summarise(self._file.lines())
        except EvalError:
            return {}

    async def look(self) -> bool:
        """Write one line; False where the server has no metrics of a kind that is known. Never raises."""
        self._tells = await self._look()
        return self._tells

    async def _look(self) -> bool:
        if self._url is None:
            return False
        try:
            async with self._pool.get(self._url, {}, PROBE_SECONDS) as reply:
                metrics = parse_metrics(await reply.text(errors="replace")) if reply.status == 200 else {}
            if metrics:
                self._file.append(round(self._clock(), 3), metrics)
        except (EvalError, OSError, TimeoutError, asyncio.TimeoutError, aiohttp.ClientError):
            return True  # busy, or on its way out: later, perhaps
        except Exception:  # a library's own, such as aiohttp's: metrics are no reason to fail
            return False
        return bool(metrics)
