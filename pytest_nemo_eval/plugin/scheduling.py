"""Which worker of pytest-xdist runs what, where a session measures its own baseline."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from ..config.models import without_model


class ByBenchmark(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """All models of a benchmark in one worker, in order: the baseline first."""

    def _split_scope(self, nodeid: str) -> str:
        return without_model(nodeid)
