"""From settings to a Job: which samples, which prompt, which parameters, which gates."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import msgspec

from ..benchmarks import Benchmark, custom_benchmark, get_benchmark
from ..chat import Json, Message, Request
from ..client import RetryPolicy
from ..config.models import without_model
from ..config.options import EvalSettings
from ..config.settings import ParamSettings, TaskSettings
from ..datasets import DataSource, fingerprint, load_samples, resolve
from ..endpoint import Protocol
from ..errors import ConfigError, DatasetError
from ..gates import Gate
from ..runs import Wanted
from ..samples import Sample
from ..scorers import create_scorer
from .gating import Gating, Rules, gating

REQUEST_SECONDS = 600.0
RETRIES = RetryPolicy().retries


@dataclass(frozen=True)
class Job:
    """One benchmark, ready to be asked of an endpoint.

    Attributes:
        item: how pytest calls it.
        samples: the questions, in order; ``shots`` the worked examples to choose from.
        parameters: fields of each request's body beside model and text.
        data: where the samples come from, in words; ``data_fingerprint`` is a sha256 over all samples, in order.
        concurrency: samples in progress at most; None leaves that to the endpoint's limit.
        request_timeout: seconds of one attempt; ``deadline`` of all together.
        scorer_timeout: seconds for one answer, of a scorer in a process of its own; None for one in this process.
        interval: how the interval of graded scores is computed.
        rules: what the session asks of every benchmark.
    """

    item: str
    benchmark: Benchmark
    samples: Sequence[Sample]
    shots: Sequence[Sample]
    num_fewshot: int
    parameters: Mapping[str, Json]
    gating: Gating
    repeats: int
    concurrency: int | None
    max_errors: int
    request_timeout: float
    retries: int
    data: str
    data_fingerprint: str
    deadline: float | None = None
    scorer_timeout: float | None = None
    interval: Literal["auto", "bootstrap"] = "auto"
    rules: Rules = field(default_factory=Rules)

    @property
    def wanted(self) -> Wanted:
        """What this is called in a baseline."""
        return wanted_of(self.item, self.benchmark, self.data_fingerprint)

    def request(self, sample: Sample, repeat: int, protocol: Protocol) -> Request:
        """The request that asks a sample."""
        shots = self.benchmark.choose_shots(sample, self.shots, self.num_fewshot) if self.num_fewshot else ()
        text = self.benchmark.make_prompt(sample, shots)
        parameters = self.parameters
        if repeat and isinstance(seed := parameters.get("seed"), int):
            parameters = {**parameters, "seed": seed + repeat}  # else a server answers each repeat alike
        if protocol is Protocol.CHAT:
            messages = (Message("user", text),)
            return Request(messages=messages, parameters=parameters, sample_id=sample.id, repeat=repeat)
        return Request(prompt=text, parameters=parameters, sample_id=sample.id, repeat=repeat)

    def prompt_fingerprint(self, protocol: Protocol) -> str:
        """sha256 over all request bodies without the model's name, in order."""
        digest = hashlib.sha256()
        for sample in self.samples:
            digest.update(msgspec.json.encode(self.request(sample, 0, protocol).body(""), order="deterministic"))
        return digest.hexdigest()


def find_benchmark(task: TaskSettings) -> Benchmark:
    """The benchmark of a task: a built-in one, or one that the task declares by ``prompt`` and ``scorer``.

    Raises:
        ConfigError: an unknown name, or half a declaration.
    """
    if task.prompt is None:
        benchmark = get_benchmark(task.name)
        if task.scorer is not None:
            raise ConfigError(
                f"{task.name} has a scorer of its own: leave scorer out, or declare a benchmark with prompt too"
            )
        if task.scorer_timeout is not None:
            raise ConfigError(f"{task.name} has a scorer of its own: leave scorer_timeout out")
        if task.cluster is not None:
            raise ConfigError(f"{task.name} says itself which questions belong together: leave cluster out")
        if task.num_fewshot and not benchmark.takes_fewshot:
            raise ConfigError(f"{benchmark.full_name} takes no worked examples: leave num_fewshot out")
        return benchmark
    if task.scorer is None:
        raise ConfigError(f"{task.name} declares a prompt and needs a scorer with it, such as scorer: exact")
    if task.scorer_timeout and ":" not in task.scorer:
        raise ConfigError(f"{task.name}: scorer_timeout is for scorers of your own, MODULE:FUNCTION, not {task.scorer}")
    return custom_benchmark(task.name, task.prompt, create_scorer(task.scorer), task.cluster)


def data_source(task: TaskSettings, benchmark: Benchmark, settings: EvalSettings) -> DataSource:
    """Where a task's samples come from; reads nothing yet.

    Raises:
        DatasetError: nowhere.
    """
    data_root = Path(settings.data).expanduser() if settings.data else None
    return resolve(benchmark.name, benchmark.data, task.dataset, data_root)


def wanted_of(item: str, benchmark: Benchmark, data_fingerprint: str) -> Wanted:
    """What a benchmark is called in a baseline."""
    return Wanted(
        benchmark=benchmark.name,
        variant=benchmark.variant,
        item=item.rpartition("::")[2],
        scorer=benchmark.scorer.name,
        data_fingerprint=data_fingerprint,
    )


def names_of(item: str, benchmark: Benchmark, model: str = "") -> tuple[str, ...]:
    """What a policy may call a benchmark, whichever model it is asked of; the most particular name first."""
    tail = without_model(item, model).rpartition("::")[2]
    return tail, tail.partition("[")[0], benchmark.full_name, benchmark.name


def plan(
    item: str,
    task: TaskSettings,
    settings: EvalSettings,
    gates: Iterable[Gate] = (),
    rules: Rules = Rules(),
    change: Callable[[Sample], Sample] | None = None,
) -> Job:
    """Load what a task needs, baselines too.

    Args:
        gates: further ones, beside those of the task and of a policy.
        change: what becomes of each sample and worked example.

    Raises:
        ConfigError, DatasetError: what is wrong with the task or its data.
    """
    benchmark = _changed(find_benchmark(task), change)
    source = data_source(task, benchmark, settings)
    limit = settings.limit if settings.limit is not None else task.params.limit_samples
    samples = load_samples(source.rows(), benchmark.make_sample, task.dataset.fields, task.subsets, limit)
    shots, num_fewshot = _fewshot(task, benchmark, source, samples)
    params = task.params
    digest = fingerprint(samples)
    gated = gating(task, names_of(item, benchmark, rules.model), wanted_of(item, benchmark, digest), rules)
    return Job(
        item=item,
        benchmark=benchmark,
        samples=samples,
        shots=shots,
        num_fewshot=num_fewshot,
        parameters=dict(_parameters(benchmark, params)),
        gating=replace(gated, gates=(*gated.gates, *gates)),
        repeats=settings.repeats or task.repeats or 1,
        concurrency=settings.concurrency or params.parallelism,
        max_errors=task.max_errors,
        request_timeout=params.request_timeout or REQUEST_SECONDS,
        retries=RETRIES if params.max_retries is None else params.max_retries,
        data=source.describe(),
        data_fingerprint=digest,
        deadline=task.deadline,
        scorer_timeout=task.scorer_timeout,
        interval=task.interval,
        rules=rules,
    )


def _changed(benchmark: Benchmark, change: Callable[[Sample], Sample] | None) -> Benchmark:
    if change is None:
        return benchmark
    make = benchmark.make_sample
    return replace(benchmark, make_sample=lambda row, number: change(make(row, number)))


def _fewshot(
    task: TaskSettings, benchmark: Benchmark, source: DataSource, samples: Sequence[Sample]
) -> tuple[Sequence[Sample], int]:
    """The worked examples, and how many stand before each question: the reference's number where the data has them."""
    wanted = benchmark.num_fewshot if task.num_fewshot is None else task.num_fewshot
    if not wanted:
        return (), 0
    rows = source.fewshot_rows()
    shots = [] if rows is None else load_samples(rows, benchmark.make_sample, task.dataset.fields, (), None)
    found = min(len(benchmark.choose_shots(sample, shots, wanted)) for sample in samples)
    if task.num_fewshot is not None and found < wanted:
        raise DatasetError(
            f"{task.name} asks for {wanted} worked examples, and {source.describe()} has {found or 'none'}: "
            "set dataset.fewshot_path, or num_fewshot"
        )
    return shots, found


def _parameters(benchmark: Benchmark, params: ParamSettings) -> Iterator[tuple[str, Json]]:
    generation = benchmark.generation
    yield "max_tokens", params.max_new_tokens or generation.max_tokens
    yield "temperature", generation.temperature if params.temperature is None else params.temperature
    if params.top_p is not None:
        yield "top_p", params.top_p
    if params.seed is not None:
        yield "seed", params.seed
    stop = generation.stop if params.stop is None else params.stop
    if stop:
        yield "stop", list(stop)
    if params.stream:
        yield "stream", True
    yield from params.extra.items()
