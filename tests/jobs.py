"""Runs Jobs without pytest's items around them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pytest_nemo_eval import BenchmarkResult, Client
from pytest_nemo_eval.client.limiter import Limiter
from pytest_nemo_eval.evaluation import Book, Execution, Job, RunPlace, finish


def begin_job(job: Job, client: Client, place: RunPlace) -> Execution:
    """Start to ask, up to 64 samples at a time."""
    return Execution(job, client, place, Limiter(64, adaptive=False), threading.Event())


def run_job(
    job: Job, client: Client, place: RunPlace, tick: Callable[[Book], None] = lambda book: None
) -> BenchmarkResult:
    """Ask, wait and judge."""
    return finish(begin_job(job, client, place), lambda execution: execution.wait(tick))
