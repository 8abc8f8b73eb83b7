"""What the plugin costs a session that evaluates nothing: CPU of ``pytest --co`` in an empty folder.

``python perf/collect_only.py [--runs 21]``: with it and without it take turns, since machines are noisy. Prints the
medians in milliseconds and the difference; exit code 1 where it is above the bound.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile

BOUND = 30.0
SIDES = {"without": ["-p", "no:nemo_eval"], "with": []}


def cpu_milliseconds(arguments: list[str], folder: str) -> float:
    """User and system time of one session and its children."""
    before = _children()
    subprocess.run(
        [sys.executable, "-m", "pytest", "--co", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{folder}-compiled"},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return 1000 * (_children() - before)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21, help="sessions of each side")
    runs: int = parser.parse_args().runs
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as home:
        folder = os.path.join(home, "empty")
        os.mkdir(folder)
        for arguments in SIDES.values():
            cpu_milliseconds(arguments, folder)  # compiles
        for _ in range(runs):
            for side, arguments in SIDES.items():
                times[side].append(cpu_milliseconds(arguments, folder))
    medians = {side: statistics.median(values) for side, values in times.items()}
    difference = medians["with"] - medians["without"]
    print(" ".join(f"{side}: {value:.0f} ms" for side, value in medians.items()), f"difference: {difference:.0f} ms")
    return int(difference > BOUND)


if __name__ == "__main__":
    sys.exit(main())
