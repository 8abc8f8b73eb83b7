"""What the command line and the ini-file ask for, and what follows from it together with a suite."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from ..endpoint import REPLAY_SCHEME, Protocol, parse_url
from ..errors import ConfigError
from .models import BASELINE, Model
from .registry import ADDED
from .settings import DeploymentSettings, EndpointSettings, ExecutionSettings, Limit, SuiteSettings
from .suite import key_variable, settings_of

BACKENDS = ("vllm", "triton", "ray", "nemo_framework", "hosted", "replay")
REPLAY = "replay"
LAUNCHERS = ("local", "slurm", "lepton", "container")


class EvalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The command line and the ini-file, as values; the fixture ``eval_settings``.

    Attributes:
        model_path, model_url, model_id: of several models, the first.
        models: several models, the baseline first; none where there is one alone.
        interceptors: ``NAME`` or ``NAME:KEY=VALUE``, inside of those of a suite.
        show_chain: tell each item's interceptors.
        overrides: ``KEY=VALUE`` over every suite file.
        data: a folder of ``BENCHMARK/SPLIT.jsonl.gz`` that is looked in before the Hugging Face hub.
        output: the folder that Runs are written to.
        policy: a gate policy over all benchmarks.
        baseline: what drops are measured from: a folder, or the name of a saved one.
        save_baseline: the name that the session's Runs are saved under.
        concurrency: samples in progress at most; None lets throughput decide.
        deadline: seconds for the whole session; what is not asked by then is left.
        reuse: take answers of finished Runs over too.
        deploy_restarts: how often a deployment that dies in mid-run is started again.
        keep_deployment: leave what was deployed up, for the sessions to come.
        aa: run each benchmark twice, and keep how far the model is from itself.
        baselines: the folder of saved baselines.
        python: the interpreter of the environment that holds the server, where it has one of its own.
    """

    model_path: str | None = None
    model_url: str | None = None
    model_id: str | None = None
    models: tuple[Model, ...] = ()
    backend: str | None = None
    api_key_env: str | None = None
    served_model_name: str | None = None
    tensor_parallel_size: int | None = None
    max_model_len: int | None = None
    server_args: Mapping[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    deploy_timeout: float = 1800.0
    limit: Limit | None = None
    repeats: int | None = None
    concurrency: int | None = None
    output: str = "eval-runs"
    deadline: float | None = None
    reuse: bool = False
    deploy_restarts: int = 0
    keep_deployment: bool = False
    policy: str | None = None
    baseline: str | None = None
    save_baseline: str | None = None
    aa: bool = False
    baselines: str = "eval-baselines"
    interceptors: tuple[str, ...] = ()
    show_chain: bool = False
    overrides: tuple[str, ...] = ()
    data: str | None = None
    python: str | None = None


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """What serves the model of an item, and where.

    Attributes:
        backend, launcher: their names.
        url: base URL of a hosted model; None where we deploy.
        model_id: the name that requests carry; None asks the endpoint.
        key_variable: the environment variable that holds the key; None takes that of a known host.
        headers: further HTTP headers, as the suite writes them.
    """

    backend: str
    launcher: str
    deployment: DeploymentSettings = DeploymentSettings()
    execution: ExecutionSettings = ExecutionSettings()
    url: str | None = None
    protocol: Protocol = Protocol.CHAT
    model_id: str | None = None
    key_variable: str | None = None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)


def parse_backend(text: str) -> tuple[str | None, str | None]:
    """``--backend``: a backend, a launcher, or LAUNCHER:BACKEND, as (launcher, backend).

    Raises:
        ConfigError: an unknown name.
    """
    first, colon, second = text.partition(":")
    if first == REPLAY and second:
        return "local", REPLAY
    launchers, backends = (*LAUNCHERS, *ADDED.names("launcher")), (*BACKENDS, *ADDED.names("backend"))
    if colon:
        _known(first, launchers, "launcher")
        _known(second, backends, "backend")
        return first, second
    _known(first, backends + launchers, "backend or launcher")
    return (first, None) if first in launchers else ("local", first)


def _known(name: str, names: tuple[str, ...], what: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
        raise ConfigError(f"--backend: no {what} is called {name!r}; {hint}")


def check_settings(settings: EvalSettings) -> None:
    """What can be said of the command line without a suite.

    Raises:
        ConfigError: options that contradict each other, or values out of range.
    """
    for model in settings.models:
        check_settings(model.in_settings(settings))
    if settings.baseline and has_baseline_model(settings):
        raise ConfigError("--eval-baseline names a baseline, and --baseline-model-... measures one: give one of them")
    if settings.save_baseline and settings.models:
        raise ConfigError("--eval-save-baseline saves the Runs of one model: evaluate the one that is to be it alone")
    check_keys([resolve_serving(model.in_settings(settings), None) for model in settings.models if model.url])
    launcher, backend = parse_backend(settings.backend) if settings.backend else (None, None)
    if settings.model_path and settings.model_url:
        raise ConfigError("--model-path deploys a model and --model-url takes one that is served: give one of them")
    if settings.model_url:
        parse_url(settings.model_url)
        if backend not in (None, "hosted", "triton") or launcher in ("slurm", "lepton", "container"):
            raise ConfigError(f"--backend {settings.backend} deploys a model, and --model-url names one that is served")
    if backend == "hosted" and settings.model_path:
        raise ConfigError("--backend hosted takes --model-url, not --model-path")
    if isinstance(settings.limit, float) and not 0 < settings.limit < 1:
        raise ConfigError("--eval-limit is a count of samples, or a fraction between 0 and 1")
    settings_of(settings.overrides)


def check_keys(servings: Sequence[Serving]) -> None:
    """What the models of one file, or of the command line, are served by.

    Raises:
        ConfigError: a key would go to several hosts, of which only one is likely to be its own.
    """
    hosts: dict[str, set[str]] = {}
    for serving in servings:
        if serving.key_variable and serving.url:
            hosts.setdefault(serving.key_variable, set()).add(urlsplit(serving.url).hostname or "")
    for variable, found in hosts.items():
        if len(found) > 1:
            raise ConfigError(
                f"the key in {variable} would be sent to {' and '.join(sorted(found))}: known hosts find theirs "
                "without --api-key-env and api_key; else give each endpoint a suite file, with its own api_key"
            )


def has_baseline_model(settings: EvalSettings) -> bool:
    """Whether one of the models is what the others are held against."""
    return any(model.label == BASELINE for model in settings.models)


def resolve_serving(settings: EvalSettings, suite: SuiteSettings | None) -> Serving:
    """What serves the model: the command line over the suite; where both sections stand, the deployment wins.

    Raises:
        ConfigError: no model at all, or a contradiction.
    """
    suite = suite if suite is not None else settings_of(settings.overrides)
    launcher, backend = parse_backend(settings.backend) if settings.backend else (None, None)
    target = suite.target.api_endpoint if suite.target else EndpointSettings()
    if backend == REPLAY:
        return _replayed(settings, target)
    if settings.model_url:
        base_url, protocol = parse_url(settings.model_url)
        return _hosted(base_url, protocol, settings.model_id, settings.api_key_env)
    backend = backend or (suite.deployment.type if suite.deployment else None)
    if backend == "hosted" and settings.model_path:
        raise ConfigError(
            "--model-path deploys a model, but deployment.type is hosted: say with what, as --backend vllm"
        )
    if backend != "hosted" and (settings.model_path or suite.deployment is not None):
        return _deployed(settings, suite, launcher, backend)
    if target.url:
        base_url, _ = parse_url(target.url)
        variable = settings.api_key_env or key_variable(suite)
        serving = _hosted(base_url, _protocol(target), settings.model_id or target.model_id, variable)
        return msgspec.structs.replace(serving, headers=target.headers)
    raise ConfigError("no model to evaluate: give --model-path=DIR_OR_HF_ID to deploy one, or --model-url URL")


def _replayed(settings: EvalSettings, target: EndpointSettings) -> Serving:
    """``--backend replay:RUN``, or ``--backend replay --model-path=RUN``: a Run's own replies."""
    folder = (settings.backend or "").partition(":")[2] or settings.model_path
    if not folder:
        raise ConfigError("--backend replay needs the folder of a Run, or of a session: --backend replay:FOLDER")
    url = REPLAY_SCHEME + str(Path(folder).expanduser().absolute())
    return Serving(backend=REPLAY, launcher="local", url=url, protocol=_protocol(target), model_id=settings.model_id)


def _protocol(target: EndpointSettings) -> Protocol:
    """What ``target.api_endpoint`` says in ``type``, or by the end of its URL."""
    url = (target.url or "").rstrip("/")
    written = next((protocol for protocol in Protocol if url.endswith(protocol.path)), None)
    if target.type and written and target.type is not written:
        raise ConfigError(f"target.api_endpoint.type is {target.type.value}, but its url ends in {written.path}")
    return target.type or written or Protocol.CHAT


def _hosted(base_url: str, protocol: Protocol, model_id: str | None, variable: str | None) -> Serving:
    return Serving(
        backend="hosted", launcher="local", url=base_url, protocol=protocol, model_id=model_id, key_variable=variable
    )


def _deployed(settings: EvalSettings, suite: SuiteSettings, launcher: str | None, backend: str | None) -> Serving:
    deployment = suite.deployment or DeploymentSettings()
    execution = suite.execution or ExecutionSettings()
    changes: dict[str, object] = {
        "type": backend or deployment.type,
        "model_path": settings.model_path or deployment.model_path,
        "served_model_name": _served_name(settings, suite, deployment),
        "tensor_parallelism": settings.tensor_parallel_size or deployment.tensor_parallelism,
        "max_model_len": settings.max_model_len or deployment.max_model_len,
        "python": deployment.python or settings.python,
        "server_args": {**deployment.server_args, **settings.server_args},
        "timeout": deployment.timeout or settings.deploy_timeout,
    }
    deployment = msgspec.structs.replace(deployment, **changes)
    if not deployment.model_path:
        raise ConfigError("the deployment has no model: give --model-path=DIR_OR_HF_ID, or deployment.model_path")
    _check_port(deployment, suite)
    place = launcher or execution.backend
    return Serving(
        backend=deployment.type,
        launcher=place,
        deployment=deployment,
        protocol=_protocol(suite.target.api_endpoint if suite.target else EndpointSettings()),
        execution=msgspec.structs.replace(execution, backend=place),
    )


def _served_name(settings: EvalSettings, suite: SuiteSettings, deployment: DeploymentSettings) -> str | None:
    asked = settings.served_model_name or settings.model_id
    if asked:
        return asked
    target_name = suite.target.api_endpoint.model_id if suite.target else None
    name = deployment.served_model_name
    if name and target_name and name != target_name:
        raise ConfigError(f"deployment.served_model_name is {name}, but target.api_endpoint.model_id is {target_name}")
    return name or target_name


def _check_port(deployment: DeploymentSettings, suite: SuiteSettings) -> None:
    """The page's files name the deployment's port a second time, in ``target``."""
    url = suite.target.api_endpoint.url if suite.target else None
    if not url or deployment.port is None:
        return
    try:
        port = urlsplit(url).port
    except ValueError:
        port = None
    if port is not None and port != deployment.port:
        raise ConfigError(f"deployment.port is {deployment.port}, but target.api_endpoint.url says port {port}")
