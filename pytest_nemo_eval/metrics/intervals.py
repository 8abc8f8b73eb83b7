"""Intervals of a mean over questions."""

from __future__ import annotations

import math
from typing import Literal

from .bootstrap import percentile_bootstrap
from .questions import Questions
from .student import t_quantile, z_quantile
from .values import Method

IntervalKind = Literal["auto", "bootstrap"]


def wilson(successes: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share, for n of 1 and more (E. B. Wilson, JASA 22, 1927)."""
    z = z_quantile(confidence)
    share = min(1.0, successes / n)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def student_t(questions: Questions, confidence: float = 0.95) -> tuple[float, float]:
    """Student's t interval of a mean, for two units of sampling and more.

    With n - 1 degrees of freedom; with clusters the cluster-robust one, with one fewer than clusters.
    """
    half = t_quantile(confidence, questions.units - 1) * questions.stderr
    return questions.mean - half, questions.mean + half


def mean_interval(
    questions: Questions, confidence: float, *, share: bool, kind: IntervalKind = "auto"
) -> tuple[float, float, Method]:
    """The interval of a mean over questions, and how it was computed.

    Wilson's where each question has 0 or 1, else Student's t; with clusters always the cluster-robust one.

    Where nothing varies these have no width, which would claim certainty. Values from 0 to 1 then get Wilson's on the
    number of units (it is the wider one for any such values), and all of 0 to 1 where they come from one cluster,
    which says nothing of others. Other values keep the width of 0, and get no interval from one unit alone.

    Args:
        share: the values are from 0 to 1.
        kind: ``bootstrap`` resamples wherever something varies.
    """
    mean, units = questions.mean, questions.units
    if questions.stderr == 0:
        if not share:
            return mean, mean, "t" if units > 1 else "none"
        if questions.clusters is not None and units == 1:
            return 0.0, 1.0, "clustered"
        return *wilson(mean * units, units, confidence), "wilson"
    method: Method
    if kind == "bootstrap":
        method, (lower, upper) = "bootstrap", percentile_bootstrap(questions, confidence)
    elif questions.clusters is not None:
        method, (lower, upper) = "clustered", student_t(questions, confidence)
    elif share and questions.binary:
        return *wilson(math.fsum(questions.values), questions.n, confidence), "wilson"
    else:
        method, (lower, upper) = "t", student_t(questions, confidence)
    return max(0.0, lower), (min(1.0, upper) if share else upper), method
