"""What a run says of itself on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from urllib.parse import urlsplit

import msgspec

from ..benchmarks import Benchmark
from ..chat import Json
from ..client import Client
from ..endpoint import Endpoint, Secret
from ..gates import GateResult
from ..interceptors import Interceptor, name_of
from ..metrics import Measurements, MetricValue
from ..runs import GateRecord, MetricRecord, ModelRecord, RunRecord, RunStatus
from ..runs.provenance import environment
from ..runs.record import BenchmarkRecord, CountRecord
from ..scores import Outcome
from .plan import Job


def first_record(job: Job, client: Client, model: ModelRecord, suite_commit: str) -> RunRecord:
    """What is known of a run before it starts."""
    return RunRecord(
        status=RunStatus.RUNNING,
        item=job.item,
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        benchmark=BenchmarkRecord(
            name=job.benchmark.name,
            variant=job.benchmark.variant,
            version=job.benchmark.version,
            samples=len(job.samples),
            repeats=job.repeats,
            num_fewshot=job.num_fewshot,
            reference_fewshot=job.benchmark.num_fewshot,
            scorer=job.benchmark.scorer.name,
            parameters=job.parameters,
            data=job.data,
            data_fingerprint=job.data_fingerprint,
            prompt_fingerprint=job.prompt_fingerprint(client.endpoint.protocol),
            interceptors=tuple(_name_of(interceptor) for interceptor in client.interceptors),
        ),
        model=model,
        environment=environment(),
        suite_commit=suite_commit,
    )


def identity_of(model: ModelRecord, benchmark: Benchmark, endpoint: Endpoint) -> str:
    """A digest over who is asked what: ``model_identity`` and the benchmark's version."""
    known = (model_identity(model, endpoint), benchmark.full_name, benchmark.version)
    return hashlib.sha256(msgspec.json.encode(known)).hexdigest()


def model_identity(model: ModelRecord, endpoint: Endpoint) -> str:
    """A digest over who is asked: the endpoint or the deployment, and the model with its weights.

    A deployment's port is another one each time, and says nothing; of a header that holds a secret its name counts. The
    scorer is no part of it.
    """
    port = str(urlsplit(model.url).port)
    deployed = bool(model.server_command)
    known = (
        model.id,
        "" if deployed else model.url,
        model.protocol,
        model.weights_fingerprint,
        model.stamp,
        model.backend,
        model.server_version,
        [word for word in model.server_command if word != port],
        sorted((name.lower(), "" if isinstance(value, Secret) else value) for name, value in endpoint.headers.items()),
    )
    return hashlib.sha256(msgspec.json.encode(known)).hexdigest()


def reports_of(interceptors: Sequence[Interceptor]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """What interceptors have to say, by their names."""
    for interceptor in interceptors:
        report = getattr(interceptor, "report", None)
        said = report() if callable(report) else {}
        if said:
            yield name_of(interceptor), said


def _name_of(interceptor: object) -> str:
    """``module.name``: what tells one interceptor from another."""
    named = interceptor if hasattr(interceptor, "__qualname__") else type(interceptor)
    return f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', '')}"


def metric_record(metric: MetricValue) -> MetricRecord:
    """A metric as the Run keeps it."""
    return MetricRecord(
        value=metric.value,
        ci_lower=metric.ci_lower,
        ci_upper=metric.ci_upper,
        n=metric.n,
        method=metric.method,
        stderr=metric.stderr,
    )


def gate_record(gate: GateResult) -> GateRecord:
    """A verdict as the Run keeps it."""
    return GateRecord(
        condition=gate.condition,
        verdict=gate.verdict.value,
        tier=gate.tier.value,
        explanation=gate.explanation,
        decided_by=gate.decided_by.value,
        warning=gate.warning,
        p_fail=gate.p_fail,
    )


def counts_of(outcomes: Sequence[Outcome]) -> CountRecord:
    """How the requests came out."""
    return CountRecord(
        scored=sum(outcome.value is not None for outcome in outcomes),
        errors=sum(outcome.value is None for outcome in outcomes),
        extraction_failures=sum(outcome.value is not None and not outcome.extracted for outcome in outcomes),
        truncated=sum(outcome.truncated for outcome in outcomes),
        prompt_tokens=sum(outcome.prompt_tokens for outcome in outcomes),
        completion_tokens=sum(outcome.completion_tokens for outcome in outcomes),
    )


def finished_record(record: RunRecord, measured: Measurements, gates: tuple[GateResult, ...]) -> RunRecord:
    """The same once it has ended."""
    benchmark = msgspec.structs.replace(
        record.benchmark,
        scores={name: metric_record(metric) for name, metric in measured.table().items()},
        categories={name: metric_record(metric) for name, metric in measured.categories().items()},
    )
    return msgspec.structs.replace(
        record,
        status=RunStatus.FINISHED,
        seconds=round(measured.seconds, 3),
        benchmark=benchmark,
        counts=counts_of(measured.outcomes),
        gates=tuple(gate_record(gate) for gate in gates),
    )
