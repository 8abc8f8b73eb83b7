"""The record of a benchmark on disk. Every report is drawn from Runs."""

from .baseline import Baseline, Wanted
from .find import BaselineMissingError, check_name, find_baseline, locate, save_baseline
from .pairing import Pairing, pair
from .reader import ResultFile, Run, index_results, read_run, results_in_order
from .record import (
    SCHEMA_VERSION,
    ComparisonRecord,
    Flip,
    GateRecord,
    MetricRecord,
    ModelRecord,
    RerunRecord,
    RunRecord,
    RunStatus,
)
from .writer import RunWriter

__all__ = [
    "SCHEMA_VERSION",
    "Baseline",
    "BaselineMissingError",
    "ComparisonRecord",
    "Flip",
    "GateRecord",
    "MetricRecord",
    "ModelRecord",
    "Pairing",
    "RerunRecord",
    "ResultFile",
    "Run",
    "RunRecord",
    "RunStatus",
    "RunWriter",
    "Wanted",
    "check_name",
    "find_baseline",
    "index_results",
    "locate",
    "pair",
    "read_run",
    "results_in_order",
    "save_baseline",
]
