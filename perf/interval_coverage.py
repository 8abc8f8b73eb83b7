"""How often intervals hold what they are drawn for: simulated benchmarks whose truth is known, at 95 % confidence.

``python perf/interval_coverage.py [--scale 1]``: prints a line for each kind of interval with its coverage and the band
that it is to lie in, three standard errors of the simulation aside; exit code 1 where one does not. ``--scale 0.2``
runs a fifth of the simulations. Bands other than .95 say what is known of a method: discrete data cannot hold exactly,
some methods are wider than they need be, and some narrower where there is little data.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from pytest_nemo_eval.metrics import rerun_noise
from pytest_nemo_eval.metrics.bootstrap import percentile_bootstrap
from pytest_nemo_eval.metrics.categories import worst_category
from pytest_nemo_eval.metrics.contrasts import Pairs, contrast_interval, difference_interval
from pytest_nemo_eval.metrics.intervals import mean_interval
from pytest_nemo_eval.metrics.quantiles import order_interval
from pytest_nemo_eval.metrics.questions import Questions
from pytest_nemo_eval.scores import Outcome

CONFIDENCE = 0.95
SEED = 7
Draw = Callable[[Generator], bool]


@dataclass(frozen=True)
class Case:
    """One kind of interval on one kind of data.

    Attributes:
        draw: one simulated benchmark; whether the interval held the truth.
        low, high: where the coverage is to lie.
    """

    name: str
    draw: Draw
    low: float = 0.95
    high: float = 0.95
    simulations: int = 2000


def by_question(values: np.ndarray) -> dict[str, float]:
    return {str(index): float(value) for index, value in enumerate(values)}


def clusters_of(count: int, size: int) -> dict[str, str]:
    return {str(index): f"passage {index // size}" for index in range(count * size)}


def share(n: int, p: float) -> Draw:
    def draw(generator: Generator) -> bool:
        values = (generator.random(n) < p).astype(float)
        lower, upper, _ = mean_interval(Questions(tuple(values.tolist())), CONFIDENCE, share=True)
        return lower <= p <= upper

    return draw


def graded(n: int, resample: bool = False) -> Draw:
    """Scores of beta(2, 1)."""

    def draw(generator: Generator) -> bool:
        questions = Questions(tuple(generator.beta(2, 1, n).tolist()))
        kind = "bootstrap" if resample else "auto"
        lower, upper, _ = mean_interval(questions, CONFIDENCE, share=True, kind=kind)
        return lower <= 2 / 3 <= upper

    return draw


def clustered(count: int, size: int, resample: bool = False) -> Draw:
    """0 and 1, with a share of beta(3, 2) in each cluster: five times the variance of single questions for size 21."""

    def draw(generator: Generator) -> bool:
        shares = np.repeat(generator.beta(3, 2, count), size)
        values = (generator.random(count * size) < shares).astype(float)
        questions = Questions.of(by_question(values), clusters_of(count, size))
        if resample:
            lower, upper = percentile_bootstrap(questions, CONFIDENCE)
        else:
            lower, upper, _ = mean_interval(questions, CONFIDENCE, share=True)
        return lower <= 0.6 <= upper

    return draw


def percentile(n: int, q: float) -> Draw:
    """Latencies of a lognormal."""
    truth = float(np.quantile(np.exp(np.random.default_rng(0).standard_normal(4_000_000)), q))

    def draw(generator: Generator) -> bool:
        found = order_interval(sorted(np.exp(generator.standard_normal(n)).tolist()), n, q, CONFIDENCE)
        assert found is not None
        return found[0] <= truth <= found[1]

    return draw


def worst(shares: list[float], n: int) -> Draw:
    def draw(generator: Generator) -> bool:
        results = [
            Outcome(sample_id=f"{c} {i}", category=str(c), value=float(right))
            for c, p in enumerate(shares)
            for i, right in enumerate(generator.random(n) < p)
        ]
        metric = worst_category(results, {}, CONFIDENCE, "auto")
        assert metric is not None
        return metric.ci_lower <= min(shares) <= metric.ci_upper

    return draw


def discordant(generator: Generator, n: int, won: float, lost: float) -> Pairs:
    """Pairs of 0 and 1; of those on which both agree six in ten are right."""
    kind = generator.random(n)
    both = (generator.random(n) < 0.6).astype(float)
    baseline = np.where(kind < won, 0.0, np.where(kind < won + lost, 1.0, both))
    candidate = np.where(kind < won, 1.0, np.where(kind < won + lost, 0.0, both))
    return Pairs(by_question(baseline), by_question(candidate), {})


def paired_shares(n: int, won: float, lost: float) -> Draw:
    def draw(generator: Generator) -> bool:
        lower, upper = difference_interval(discordant(generator, n, won, lost), CONFIDENCE)
        return lower <= won - lost <= upper

    return draw


def relative(n: int, won: float, lost: float, allowed: float = 0.02) -> Draw:
    agree = 0.6 * (1 - won - lost)
    truth = agree + won - (1 - allowed) * (agree + lost)

    def draw(generator: Generator) -> bool:
        lower, upper = contrast_interval(discordant(generator, n, won, lost), 1 - allowed, CONFIDENCE)
        return lower <= truth <= upper

    return draw


def paired_graded(count: int, size: int = 1, cluster: float = 0.0) -> Draw:
    """Graded values whose differences have sd .1 by question, and by cluster what is given."""

    def draw(generator: Generator) -> bool:
        easy = generator.beta(2, 1, count * size)
        moved = 0.02 + np.repeat(generator.normal(0, cluster, count), size) + generator.normal(0, 0.1, count * size)
        clusters = clusters_of(count, size) if size > 1 else {}
        pairs = Pairs(by_question(easy), by_question(easy + moved), clusters)
        lower, upper = difference_interval(pairs, CONFIDENCE)
        return lower <= 0.02 <= upper

    return draw


def rerun(n: int, run: float, known: bool = True) -> Draw:
    """A baseline, its rerun and a candidate; questions flip by sd .2, whole runs by ``run``, models differ by .1."""

    def draw(generator: Generator) -> bool:
        easy = generator.beta(2, 1, n)
        first, second, candidate = (easy + generator.normal(0, 0.2, n) + generator.normal(0, run) for _ in range(3))
        candidate = candidate + 0.02 + generator.normal(0, 0.1, n)
        baseline = by_question(first)
        noise = rerun_noise(baseline, by_question(second)) if known else None
        lower, upper = difference_interval(Pairs(baseline, by_question(candidate), {}), CONFIDENCE, noise)
        return lower <= 0.02 <= upper

    return draw


CASES = [
    Case("wilson, n 1319, p .56", share(1319, 0.5625), 0.945, 0.955),
    Case("wilson, n 50, p .9", share(50, 0.9), 0.92, 0.98),
    Case("wilson, n 100, p .01", share(100, 0.01), 0.92, 0.98),
    Case("t, n 200, graded", graded(200), 0.945, 0.955),
    Case("t, n 10, graded", graded(10), 0.93, 0.96),
    Case("clustered, 100 x 5", clustered(100, 5), 0.945, 0.955),
    Case("clustered, 10 x 20", clustered(10, 20), 0.93, 0.96),
    Case("bootstrap, n 200, graded", graded(200, resample=True), 0.94, 0.955, 400),
    Case("bootstrap, n 20, graded", graded(20, resample=True), 0.90, 0.95, 1000),
    Case("bootstrap, 60 x 5", clustered(60, 5, resample=True), 0.93, 0.955, 800),
    Case("order, p50, n 100", percentile(100, 0.5), 0.95, 0.97),
    Case("order, p90, n 200", percentile(200, 0.9), 0.95, 0.97),
    Case("order, p99, n 1000", percentile(1000, 0.99), 0.95, 0.975),
    Case("simultaneous, 10 alike", worst([0.6] * 10, 40), 0.95, 1.0, 500),
    Case("simultaneous, one low", worst([0.3] + [0.7] * 9, 40), 0.95, 1.0, 500),
    Case("tango, n 1319", paired_shares(1319, 0.15, 0.12), 0.945, 0.955, 1000),
    Case("tango, n 100", paired_shares(100, 0.1, 0.15), 0.94, 0.96),
    Case("tango, n 50, rare flips", paired_shares(50, 0.02, 0.01), 0.94, 1.0),
    Case("paired t, n 100", paired_graded(100), 0.945, 0.955),
    Case("paired clustered, 30 x 5", paired_graded(30, 5, 0.1), 0.94, 0.955),
    Case("relative, n 300", relative(300, 0.1, 0.12), 0.94, 0.96),
    Case("relative, n 100, rare flips", relative(100, 0.01, 0.01), 0.94, 1.0),
    Case("relative, n 100, no wins", relative(100, 0.0, 0.03), 0.94, 1.0),
    Case("noise, no run effect", rerun(200, 0.0), 0.95, 1.0),
    Case("noise, small run effect", rerun(200, 0.01), 0.92, 1.0),
    Case("noise, large run effect", rerun(200, 0.1), 0.65, 0.9),
    Case("  the same, noise unknown", rerun(200, 0.1, known=False), 0.0, 0.5),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of simulations")
    scale: float = parser.parse_args().scale
    outside = 0
    for case in CASES:
        generator = np.random.default_rng(SEED)
        simulations = max(20, round(case.simulations * scale))
        coverage = sum(case.draw(generator) for _ in range(simulations)) / simulations
        slack = 3 * math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / simulations)
        holds = case.low - slack <= coverage <= case.high + slack
        outside += not holds
        band = f"{case.low:.3f} to {case.high:.3f}, +- {slack:.3f}"
        print(f"{case.name:28} {coverage:.4f}   {band}   {'ok' if holds else 'OUTSIDE'}", flush=True)
    return int(outside > 0)


if __name__ == "__main__":
    sys.exit(main())
