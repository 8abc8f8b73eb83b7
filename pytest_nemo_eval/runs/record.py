"""What ``eval-BENCHMARK.json`` holds.

A Run is a folder in the layout of NeMo Evaluator's bundles: ``eval-BENCHMARK.json`` (this record, with
``benchmark.scores.METRIC.{value, ci_lower, ci_upper}``) and ``results.jsonl`` (one SampleResult a line, in the order in
which they finished).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from ..chat import Json

SCHEMA_VERSION = 1


class RunStatus(str, enum.Enum):
    """How far a Run came."""

    RUNNING = "running"
    FINISHED = "finished"
    ERROR = "error"


class MetricRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A metric's value with its 95 % interval; ``method`` says how that was computed."""

    value: float
    ci_lower: float
    ci_upper: float
    n: int
    method: str


class GateRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A gate and its verdict."""

    condition: str
    verdict: str
    tier: str
    explanation: str


class BenchmarkRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, and how it came out.

    Attributes:
        samples: questions; ``repeats`` is how often each was asked.
        num_fewshot: worked examples that stood before each question; ``reference_fewshot`` is the reference's number.
        parameters: the generation parameters that requests carried.
        prompt_fingerprint: sha256 over all request bodies without the model's name, in order.
        data_fingerprint: sha256 over all samples, in order.
    """

    name: str
    variant: str
    version: str
    samples: int
    repeats: int
    num_fewshot: int
    reference_fewshot: int
    scorer: str
    parameters: Mapping[str, Json]
    data: str
    data_fingerprint: str
    prompt_fingerprint: str
    scores: Mapping[str, MetricRecord] = msgspec.field(default_factory=dict)


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The model and what served it.

    Attributes:
        weights_fingerprint: sha256 over config, file sizes and safetensors headers; "" for a hosted model.
        server_command: the server's command line; empty for a hosted model.
    """

    id: str
    url: str
    protocol: str
    path: str = ""
    weights_fingerprint: str = ""
    backend: str = ""
    launcher: str = ""
    server_version: str = ""
    server_command: tuple[str, ...] = ()


class CountRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How the requests came out; an errored sample is not scored."""

    scored: int = 0
    errors: int = 0
    extraction_failures: int = 0
    truncated: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A benchmark on a model: provenance, counts, scores and verdicts."""

    schema_version: int = SCHEMA_VERSION
    status: RunStatus
    item: str
    started: str
    seconds: float = 0.0
    benchmark: BenchmarkRecord
    model: ModelRecord
    counts: CountRecord = CountRecord()
    gates: tuple[GateRecord, ...] = ()
    error: str = ""
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    suite_commit: str = ""
