"""What ``eval-BENCHMARK.json`` holds.

A Run is a folder in the layout of NeMo Evaluator's bundles: ``eval-BENCHMARK.json`` (this record, with
``benchmark.scores.METRIC.{value, ci_lower, ci_upper}``) and ``results.jsonl`` (one SampleResult a line, in the order in
which they finished).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Literal

import msgspec

from ..chat import Json

SCHEMA_VERSION = 1


class RunStatus(str, enum.Enum):
    """How far a Run came."""

    RUNNING = "running"
    FINISHED = "finished"
    PARTIAL = "partial"  # a deadline was over
    ERROR = "error"
    INTERRUPTED = "interrupted"


class MetricRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A metric's value with its 95 % interval and standard error; ``method`` says how the interval was computed."""

    value: float
    ci_lower: float
    ci_upper: float
    n: int
    method: str
    stderr: float = 0.0


class GateRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A gate and its verdict.

    Attributes:
        decided_by: point, bound or evidence.
        warning: what a reader should know of a verdict that stands, such as a threshold inside the interval.
        p_fail: one-sided, of a failure that rests on evidence; None for any other verdict.
    """

    condition: str
    verdict: str
    tier: str
    explanation: str
    decided_by: str = "point"
    warning: str = ""
    p_fail: float | None = None


class RerunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How far a model is from itself: two runs of the same benchmark, one after the other.

    Attributes:
        flips: questions of which one run was right and the other wrong.
        shift: mean difference of the two runs; ``sd`` the standard deviation of the questions' differences.
    """

    questions: int
    flips: int
    shift: float
    sd: float


class ComparisonRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A metric beside a baseline's, over the questions that both have.

    Attributes:
        baseline_name: as the user named it; ``baseline_kind`` whose files they are.
        baseline, value: the means over ``n`` questions; ``difference`` is value - baseline with its interval.
        p_worse: one-sided; ``p_two_sided`` of the same ``test``.
        lost, won: questions that only the baseline, and only this run, got right.
        mde: the smallest true difference that this comparison would have seen with a power of 80 %.
        unpaired: questions of this run that the baseline does not have.
        notes: what differs, and what the baseline does not say.
    """

    baseline_name: str
    baseline_kind: str
    baseline_run: str
    metric: str
    n: int
    baseline: float
    value: float
    difference: float
    stderr: float
    ci_lower: float
    ci_upper: float
    method: str
    confidence: float
    p_worse: float
    p_two_sided: float
    test: str
    lost: int
    won: int
    mde: float
    unpaired: int = 0
    notes: tuple[str, ...] = ()
    rerun: RerunRecord | None = None


class Flip(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of ``flips.jsonl``: a question that a baseline got right and this run did not (lost), or the other way.

    Attributes:
        baseline_answer, answer: what was extracted from the replies; None where nothing could be.
    """

    baseline_name: str
    sample_id: str
    change: Literal["lost", "won"]
    input: str
    target: str
    category: str = ""
    baseline_score: float
    score: float
    baseline_answer: str | None = None
    answer: str | None = None
    baseline_reply: str = ""
    reply: str = ""


class BenchmarkRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, and how it came out.

    Attributes:
        samples: questions; ``repeats`` is how often each was asked.
        num_fewshot: worked examples that stood before each question; ``reference_fewshot`` is the reference's number.
        parameters: the generation parameters that requests carried.
        prompt_fingerprint: sha256 over all request bodies without the model's name, in order.
        data_fingerprint: sha256 over all samples, in order.
        interceptors: what stood around each request, outermost first.
        categories: the accuracy of each.
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
    interceptors: tuple[str, ...] = ()
    scores: Mapping[str, MetricRecord] = msgspec.field(default_factory=dict)
    categories: Mapping[str, MetricRecord] = msgspec.field(default_factory=dict)


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The model and what served it.

    Attributes:
        weights_fingerprint: sha256 over config, file sizes and safetensors headers; "" for a hosted model.
        stamp: a digest over the times of the weights' files and the server's environment: where it differs, answers of
            one Run are none of another.
        server_command: the server's command line; empty for a hosted model.
        chat_template: whether the model's folder has one; None where that cannot be seen.
    """

    id: str
    url: str
    protocol: str
    path: str = ""
    weights_fingerprint: str = ""
    stamp: str = ""
    backend: str = ""
    launcher: str = ""
    server_version: str = ""
    server_command: tuple[str, ...] = ()
    chat_template: bool | None = None


class CountRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How the requests came out; an errored sample is not scored."""

    scored: int = 0
    errors: int = 0
    extraction_failures: int = 0
    truncated: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A benchmark on a model: provenance, counts, scores and verdicts.

    Attributes:
        comparisons: with baselines; their flips are in ``flips.jsonl``.
        resumed: the Runs whose answers this one took over, as SESSION/NAME; ``resumed_answers`` is how many.
        interceptor_reports: what interceptors have to say, by their names.
        restarts: how often the deployment was started again in mid-run.
        server_metrics: of those that the server itself told meanwhile, the first, the last and the largest value.
        faults: signs of a broken set-up.
        rerun: what a second run of the same benchmark said (``--eval-aa``).
    """

    schema_version: int = SCHEMA_VERSION
    status: RunStatus
    item: str
    started: str
    seconds: float = 0.0
    benchmark: BenchmarkRecord
    model: ModelRecord
    counts: CountRecord = CountRecord()
    gates: tuple[GateRecord, ...] = ()
    comparisons: tuple[ComparisonRecord, ...] = ()
    faults: tuple[str, ...] = ()
    rerun: RerunRecord | None = None
    resumed: tuple[str, ...] = ()
    resumed_answers: int = 0
    restarts: int = 0
    interceptor_reports: Mapping[str, Mapping[str, Json]] = msgspec.field(default_factory=dict)
    server_metrics: Mapping[str, tuple[float, float, float]] = msgspec.field(default_factory=dict)
    error: str = ""
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    suite_commit: str = ""
