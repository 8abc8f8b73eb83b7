"""The record of a benchmark on disk. Every report is drawn from Runs."""

from .reader import Run, read_run
from .record import SCHEMA_VERSION, GateRecord, MetricRecord, ModelRecord, RunRecord, RunStatus
from .writer import RunWriter

__all__ = [
    "SCHEMA_VERSION",
    "GateRecord",
    "MetricRecord",
    "ModelRecord",
    "Run",
    "RunRecord",
    "RunStatus",
    "RunWriter",
    "read_run",
]
