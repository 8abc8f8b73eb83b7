"""Samples × client × scorer → Run."""

from .engine import Progress, evaluate
from .explain import broken_setup, explain, headline
from .gating import Gating, Place, Rules, gate_settings
from .plan import Job, data_source, find_benchmark, names_of, plan
from .result import BenchmarkResult, Judgement, MeasuredFloat
from .run import RunPlace, note_rerun, run_job

__all__ = [
    "BenchmarkResult",
    "Gating",
    "Job",
    "Judgement",
    "MeasuredFloat",
    "Place",
    "Progress",
    "Rules",
    "RunPlace",
    "broken_setup",
    "data_source",
    "evaluate",
    "explain",
    "find_benchmark",
    "gate_settings",
    "headline",
    "names_of",
    "note_rerun",
    "plan",
    "run_job",
]
