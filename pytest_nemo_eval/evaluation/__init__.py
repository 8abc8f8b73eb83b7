"""Samples × client × scorer → Run."""

from .engine import Progress, evaluate
from .plan import Job, data_source, find_benchmark, make_gates, plan
from .result import BenchmarkResult, MeasuredFloat, explain, headline
from .run import RunPlace, run_job

__all__ = [
    "BenchmarkResult",
    "Job",
    "MeasuredFloat",
    "Progress",
    "RunPlace",
    "data_source",
    "evaluate",
    "explain",
    "find_benchmark",
    "headline",
    "make_gates",
    "plan",
    "run_job",
]
