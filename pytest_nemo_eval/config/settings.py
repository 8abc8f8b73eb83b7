"""Everything that a suite file may hold, as frozen values: the four sections of NeMo Evaluator's deployment page.

A field's name is its YAML key, its type what the key takes, its docstring what it means.
``options.py`` lays the command line over a file; ``check.py`` explains what is wrong with one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..chat import Json
from ..endpoint import Protocol
from .adapter_settings import AdapterSettings, InterceptorSettings
from .base import Positive, Settings

Port = Annotated[int, Meta(ge=1, le=65535)]
Seconds = Annotated[float, Meta(gt=0)]
Limit = Annotated[int, Meta(ge=1)] | Annotated[float, Meta(gt=0)]
"""A count of samples, or a fraction of them between 0 and 1."""


class Tier(str, enum.Enum):
    """How much a missed gate weighs."""

    CRITICAL = "critical"
    SUPPORTING = "supporting"
    ADVISORY = "advisory"


class DeploymentSettings(Settings, frozen=True, kw_only=True):
    """``deployment``: what serves the model.

    Attributes:
        type: the backend's name.
        model_path: a folder or a Hugging Face id.
        served_model_name: what the server calls the model; the last part of ``model_path`` by default.
        port: None takes a free one.
        python: the interpreter of the environment that holds the server, where it has one of its own.
        server_args: further flags of the server, without their dashes; true is a flag without a value.
        environment: further variables for the server; never a key.
        timeout: how long the start may take, in seconds.
        exclusive: no other deployment of the session is up beside this one: they take turns.
    """

    type: str = "vllm"
    model_path: str | None = None
    served_model_name: str | None = None
    port: Port | None = None
    tensor_parallelism: Positive | None = None
    pipeline_parallelism: Positive | None = None
    data_parallelism: Positive | None = None
    gpu_memory_utilization: Annotated[float, Meta(gt=0, le=1)] | None = None
    max_model_len: Positive | None = None
    resource_shape: str | None = None
    python: str | None = None
    server_args: Mapping[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    timeout: Seconds | None = None
    exclusive: bool = False


class ExecutionSettings(Settings, frozen=True, kw_only=True):
    """``execution``: where it runs. ``backend`` is the launcher's name (the page's word for it)."""

    backend: str = "local"
    partition: str | None = None
    account: str | None = None
    nodes: Positive | None = None
    gpus_per_node: Positive | None = None
    time_limit: str | None = None


class EndpointSettings(Settings, frozen=True, kw_only=True):
    """``target.api_endpoint``: a model that is served already.

    Attributes:
        url: may end in /v1, /v1/chat/completions or /v1/completions.
        api_key: ``${NAME}``: the variable that holds the key. A key itself is refused.
        api_key_name: the same, written as NAME.
        headers: further HTTP headers; a value ``${NAME}`` is taken from the environment.
        adapter_config: interceptors around each request. Deployed models have them too.
        type: chat or completions; what the URL ends in by default, else chat. Deployed models obey too.
    """

    url: str | None = None
    model_id: str | None = None
    api_key: str | None = None
    api_key_name: str | None = None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    type: Protocol | None = None
    adapter_config: AdapterSettings | None = None


class TargetSettings(Settings, frozen=True, kw_only=True):
    """``target``."""

    api_endpoint: EndpointSettings = EndpointSettings()


class ParamSettings(Settings, frozen=True, kw_only=True):
    """``params`` of a task.

    Attributes:
        limit_samples: the first so many samples, or that fraction of them.
        max_new_tokens, temperature, top_p, seed, stop: instead of the benchmark's own.
        parallelism: samples in progress at most.
        request_timeout: seconds for one attempt of a request.
        max_retries: how often a request that failed is sent again.
        stream: have replies streamed, to measure the time to the first token.
        extra: further fields of the request's body.
    """

    limit_samples: Limit | None = None
    max_new_tokens: Positive | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None
    parallelism: Positive | None = None
    request_timeout: Seconds | None = None
    max_retries: Annotated[int, Meta(ge=0)] | None = None
    stream: bool = False
    extra: Mapping[str, Json] = msgspec.field(default_factory=dict)


class DatasetSettings(Settings, frozen=True, kw_only=True):
    """``dataset`` of a task: other data than the benchmark's own.

    Attributes:
        path: a file (JSONL, JSON, CSV, each also .gz; parquet with the extra ``hf``), or a folder of
            ``SPLIT.EXTENSION`` files. In a suite file, relative to that file.
        fewshot_path: the same for the worked examples.
        id, config, split, revision: a data set of the Hugging Face hub.
        fields: names of our fields to names of the file's columns, such as ``question: prompt`` (or ``doc.prompt``).
        where: only rows that hold these values, such as ``model: llama``; before ``limit_samples`` counts.
    """

    path: str | None = None
    fewshot_path: str | None = None
    id: str | None = None
    config: str | None = None
    split: str | None = None
    revision: str | None = None
    fields: Mapping[str, str] = msgspec.field(default_factory=dict)
    where: Mapping[str, str | int | float | bool] = msgspec.field(default_factory=dict)


class DecideBy(str, enum.Enum):
    """The rule of a gate's verdict.

    ``point`` looks at the value alone. ``bound`` passes only what the whole interval allows. ``evidence`` fails only
    what the whole interval forbids, passes only what it allows, and is inconclusive between.
    """

    POINT = "point"
    BOUND = "bound"
    EVIDENCE = "evidence"


class Direction(str, enum.Enum):
    """Which way a metric is good."""

    HIGHER = "higher_is_better"
    LOWER = "lower_is_better"


class Facet(str, enum.Enum):
    """What two runs may differ in, so that their answers cannot be paired as they are."""

    BENCHMARK = "benchmark"
    DATA = "data"
    PROMPT = "prompt"
    PARAMETERS = "parameters"


class GateSettings(Settings, frozen=True, kw_only=True):
    """``gates.METRIC`` of a task: a floor, a ceiling, an allowed drop from a baseline, or several of them.

    Attributes:
        min, max: a floor and a ceiling.
        max_drop: how much worse than the baseline the metric may be, in its own unit (0.01 is a point of accuracy).
        max_relative_drop: the same as a share of the baseline's value.
        relative_guard_below: ``max_relative_drop`` counts only where the baseline's value is below this.
        decide_by: point by default for floors and ceilings, evidence for drops.
        confidence: of the interval that bound and evidence look at.
        tier: instead of the task's.
        direction: instead of the metric's own, for drops.
        baseline: a folder or a name, instead of the session's.
        tolerate: what may differ from the baseline without a refusal.
    """

    min: float | None = None
    max: float | None = None
    max_drop: Annotated[float, Meta(ge=0)] | None = None
    max_relative_drop: Annotated[float, Meta(ge=0, le=1)] | None = None
    relative_guard_below: float | None = None
    decide_by: DecideBy | None = None
    confidence: Annotated[float, Meta(ge=0.5, lt=1)] | None = None
    tier: Tier | None = None
    direction: Direction | None = None
    baseline: str | None = None
    tolerate: tuple[Facet, ...] = ()


class CompositeSettings(GateSettings, frozen=True, kw_only=True):
    """``evaluation.composites.NAME``: a gate on the weighted mean of a metric over benchmarks.

    Attributes:
        weights: benchmark (or task) to its weight; they are scaled to a sum of 1.
        metric: a mean over questions, such as accuracy.
    """

    weights: Mapping[str, Annotated[float, Meta(gt=0)]]
    metric: str = "accuracy"


Shares = Mapping[str, float | bool]
"""``validity``: the share of replies that may show a fault, by the fault's name; false never looks for it."""


class TaskSettings(Settings, frozen=True, kw_only=True):
    """One of ``evaluation.tasks``.

    Attributes:
        name: a benchmark, as ``NAME`` or ``NAME:VARIANT``; with ``prompt`` and ``scorer``, a name of your own.
        prompt: the question's text, with ``{field}`` for the columns of the data.
        scorer: the name of a scorer.
        gates: thresholds by metric, such as ``accuracy: {min: 0.55}``.
        validity: shares of replies above which the set-up is broken, such as ``truncation_rate: 0.8``; false for none.
        interval: how the interval of graded scores is computed: auto (Student's t), or bootstrap.
        cluster: the data's column that says which questions were drawn together, such as a passage's id.
        tier: critical, supporting or advisory; an advisory task never fails the session.
        num_fewshot: worked examples before the question.
        subsets: only samples of these categories.
        matrix: key to list of values: one item for each combination.
        repeats: how often each sample is asked.
        interceptors: around each request, inside of those of the target.
        max_errors: samples that may end in an error.
        deadline: seconds for the whole benchmark; what is not asked by then is left.
        scorer_timeout: seconds for one answer. The scorer, a function of your own, then runs in a process of its own,
            which is killed when they are over.
        tags: pytest marks for ``-m``.
    """

    name: str
    params: ParamSettings = ParamSettings()
    dataset: DatasetSettings = DatasetSettings()
    prompt: str | None = None
    scorer: str | None = None
    gates: Mapping[str, GateSettings] = msgspec.field(default_factory=dict)
    validity: Shares | bool = True
    interval: Literal["auto", "bootstrap"] = "auto"
    cluster: str | None = None
    tier: Tier = Tier.SUPPORTING
    num_fewshot: Annotated[int, Meta(ge=0)] | None = None
    subsets: tuple[str, ...] = ()
    matrix: Mapping[str, tuple[Json, ...]] = msgspec.field(default_factory=dict)
    repeats: Positive | None = None
    interceptors: tuple[InterceptorSettings, ...] = ()
    max_errors: Annotated[int, Meta(ge=0)] = 0
    deadline: Seconds | None = None
    scorer_timeout: Seconds | None = None
    tags: tuple[str, ...] = ()


class EvaluationSettings(Settings, frozen=True, kw_only=True):
    """``evaluation``.

    Attributes:
        composites: gates over several of the tasks.
        policy: a policy file, relative to this one.
        baseline: what drops are measured from: a folder, relative to this file, or a name.
        correction: holm guards the failures that rest on evidence against the number of gates.
    """

    tasks: tuple[TaskSettings, ...] = ()
    composites: Mapping[str, CompositeSettings] = msgspec.field(default_factory=dict)
    policy: str | None = None
    baseline: str | None = None
    correction: Literal["none", "holm"] | None = None


class SuiteSettings(Settings, frozen=True, kw_only=True):
    """A whole suite file. A section that the file does not have is None."""

    deployment: DeploymentSettings | None = None
    execution: ExecutionSettings | None = None
    evaluation: EvaluationSettings = EvaluationSettings()
    target: TargetSettings | None = None
