"""Samples × client × scorer → Run."""

from .book import Book
from .engine import Engine
from .execution import Execution, RunPlace
from .explain import broken_setup, explain, headline
from .gating import Gating, Place, Rules, gate_settings
from .plan import Job, data_source, find_benchmark, names_of, plan
from .result import BenchmarkResult, Judgement, MeasuredFloat
from .run import finish, note_rerun

__all__ = [
    "BenchmarkResult",
    "Book",
    "Engine",
    "Execution",
    "Gating",
    "Job",
    "Judgement",
    "MeasuredFloat",
    "Place",
    "Rules",
    "RunPlace",
    "broken_setup",
    "data_source",
    "explain",
    "find_benchmark",
    "finish",
    "gate_settings",
    "headline",
    "names_of",
    "note_rerun",
    "plan",
]
