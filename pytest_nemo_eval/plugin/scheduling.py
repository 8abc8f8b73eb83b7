"""Which worker of pytest-xdist runs what, where a session measures its own baseline."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from ..config.models import without_label


class ByBenchmark(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """All models of a benchmark in one worker, the baseline first; groups of ``--dist=loadgroup`` stay whole."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.rfind("@") > nodeid.rfind("]"):
            return nodeid.rpartition("@")[2]
        return without_label(nodeid)
