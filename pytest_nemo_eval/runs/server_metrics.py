"""A server's own metrics beside a Run: what its ``/metrics`` said, a line each time that it was asked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..errors import EvalError

SERVER_METRICS = "server_metrics.jsonl"
PREFIXES = ("vllm:", "sglang:", "nv_", "ray_serve_")
LONGEST_TEXT = 2_000_000
MOST_NAMES = 500

_LINE = re.compile(
    r"([a-zA-Z_:][a-zA-Z0-9_:]{0,199})(?:[ \t]*\{.*\})?[ \t]+([-+0-9.eEaAfFiInN]{1,40})(?:[ \t]+-?[0-9]+)?"
)
"""Name, labels, value, time; linear in the line's length."""
_LEFT_OUT = ("_bucket", "_created")


class ServerLine(msgspec.Struct, frozen=True):
    """A line of ``server_metrics.jsonl``.

    Attributes:
        seconds: of the Run's own time, which goes on from that of the Runs that it resumes.
        metrics: by name, summed over their labels.
    """

    seconds: float
    metrics: dict[str, float]


class Course(NamedTuple):
    """How a metric went: its first, its last and its largest value."""

    first: float
    last: float
    largest: float


def parse_metrics(text: str) -> dict[str, float]:
    """The metrics of a server in Prometheus' text format, by name, summed over their label sets.

    Kept is what a model server says of itself (``vllm:``, ``sglang:``, ``nv_``, ``ray_serve_``), without the buckets of
    histograms: their ``_sum`` and ``_count`` say enough. Lines that are none are passed over, and so is what has no
    finite value. Looks at the first 2 MB, and keeps the first 500 names.
    """
    found: dict[str, float] = {}
    for line in text[:LONGEST_TEXT].split("\n"):
        match = _LINE.fullmatch(line.strip()) if line.lstrip().startswith(PREFIXES) else None
        if match is None or match[1].endswith(_LEFT_OUT):
            continue
        value = _number(match[2])
        if math.isfinite(value) and (match[1] in found or len(found) < MOST_NAMES):
            found[match[1]] = found.get(match[1], 0.0) + value
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


class MetricsFile:
    """Where a Run keeps what its server said of itself: a line each time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, seconds: float, metrics: Mapping[str, float]) -> None:
        """Write one line.

        Args:
            seconds: of the Run's own time.

        Raises:
            EvalError: it cannot be written.
        """
        line = msgspec.json.encode(ServerLine(round(seconds, 3), dict(metrics))) + b"\n"
        try:
            with self.path.open("ab") as file:
                file.write(line)
        except OSError as error:
            raise EvalError(f"the server's metrics cannot be written to {self.path}: {error.strerror}") from None

    def lines(self) -> Iterator[ServerLine]:
        """What was written, without what is no such line; nothing where there is no file.

        Raises:
            EvalError: it cannot be read.
        """
        decoder = msgspec.json.Decoder(ServerLine)
        try:
            with self.path.open("rb") as file:
                for line in file:
                    try:
                        yield decoder.decode(line)
                    except (msgspec.MsgspecError, UnicodeDecodeError):
                        continue  # cut off
        except FileNotFoundError:
            return
        except OSError as error:
            raise EvalError(f"the server's metrics cannot be read from {self.path}: {error.strerror}") from None


def summarise(lines: Iterable[ServerLine]) -> dict[str, Course]:
    """How each metric went, by name: its first, last and largest value of those lines that have it."""
    found: dict[str, Course] = {}
    for line in lines:
        for name, value in line.metrics.items():
            before = found.get(name)
            found[name] = (
                Course(before.first, value, max(before.largest, value)) if before else Course(value, value, value)
            )
    return dict(sorted(found.items()))
