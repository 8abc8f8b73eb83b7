"""Command line and ini-file: what there is, and how it becomes EvalSettings. Imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..config.options import EvalSettings

SECTIONS = ("deployment.", "execution.", "evaluation.", "target.")


@dataclass(frozen=True)
class Option:
    """One option: ``--eval-NAME``, and ``--NAME`` where no conftest.py owns that.

    Attributes:
        field: of EvalSettings.
        ini: whether ``eval_FIELD`` of the ini-file sets it too.
    """

    name: str
    metavar: str
    help: str
    field: str
    short: bool = True
    ini: bool = False
    many: bool = False
    switch: bool = False

    @property
    def flag(self) -> str:
        return f"--eval-{self.name}"

    @property
    def alias(self) -> str | None:
        return f"--{self.name}" if self.short else None

    @property
    def dest(self) -> str:
        return f"nemo_eval_{self.field}"

    @property
    def action(self) -> dict[str, Any]:
        """What argparse is told of its value."""
        if self.switch:
            return {"action": "store_true"}
        return {"action": "append" if self.many else "store", "metavar": self.metavar}


OPTIONS = (
    Option(
        "model-path",
        "DIR_OR_HF_ID",
        "deploy this model: a folder, or an id of the Hugging Face hub; several are evaluated each",
        "model_path",
        many=True,
    ),
    Option(
        "model-url",
        "URL",
        "evaluate a model that is served already, such as https://HOST/v1",
        "model_url",
        ini=True,
        many=True,
    ),
    Option(
        "model-id",
        "NAME",
        "the model's name in requests; what /v1/models says by default",
        "model_id",
        ini=True,
        many=True,
    ),
    Option(
        "baseline-model-path", "DIR_OR_HF_ID", "deploy this one too, and measure drops from it", "baseline_model_path"
    ),
    Option("baseline-model-url", "URL", "the same of a model that is served already", "baseline_model_url"),
    Option("baseline-model-id", "NAME", "the name of the baseline model in requests", "baseline_model_id"),
    Option(
        "backend",
        "NAME",
        "what serves the model (vllm, triton, ray, hosted), where it runs (local), or both (local:vllm)",
        "backend",
        ini=True,
    ),
    Option("api-key-env", "NAME", "the environment variable that holds the endpoint's key", "api_key_env", ini=True),
    Option("served-model-name", "NAME", "what the deployed server calls the model", "served_model_name"),
    Option("tensor-parallel-size", "N", "GPUs that share each layer of the deployed model", "tensor_parallel_size"),
    Option("max-model-len", "TOKENS", "the longest context of the deployed model", "max_model_len", ini=True),
    Option(
        "server-arg", "KEY=VALUE", "a further flag of the server; can be given several times", "server_args", many=True
    ),
    Option(
        "deploy-timeout", "SECONDS", "how long a deployment may take to be ready (1800)", "deploy_timeout", ini=True
    ),
    Option(
        "deploy-restarts", "N", "start a deployment that dies in mid-run again, N times at most (0)", "deploy_restarts"
    ),
    Option("keep-deployment", "", "leave the server up, for the next session", "keep_deployment", switch=True),
    Option("limit", "N", "ask only the first N samples of each benchmark, or a fraction below 1", "limit", short=False),
    Option("repeats", "N", "ask each sample N times", "repeats", short=False),
    Option(
        "concurrency",
        "N",
        "samples in progress at most; auto, the default, lets throughput decide",
        "concurrency",
        short=False,
        ini=True,
    ),
    Option("deadline", "SECONDS", "ask no longer than this in the whole session", "deadline", short=False, ini=True),
    Option("reuse", "", "take answers of finished Runs over, too", "reuse", False, switch=True),
    Option("output", "DIR", "the folder that Runs are written to (eval-runs)", "output", short=False, ini=True),
    Option(
        "set",
        "KEY=VALUE",
        "override a key of every suite file, such as deployment.port=9000; can be given several times",
        "overrides",
        short=False,
        many=True,
    ),
    Option(
        "interceptor",
        "NAME[:KEY=VALUE]",
        "put an interceptor around each request, inside of those of the suite; can be given several times",
        "interceptors",
        many=True,
    ),
    Option("show-chain", "", "tell the interceptors of each item", "show_chain", False, switch=True),
    Option("policy", "FILE", "a gate policy over all benchmarks, such as NeMo Evaluator's", "policy", False, ini=True),
    Option(
        "baseline",
        "NAME_OR_DIR",
        "what drops are measured from: a saved baseline, or a folder of earlier results",
        "baseline",
        short=False,
        ini=True,
    ),
    Option("save-baseline", "NAME", "save what this session measures as a baseline", "save_baseline", short=False),
    Option("aa", "", "run each benchmark twice, to see how far the model is from itself", "aa", False, switch=True),
)
INI_ONLY = {
    "data": "a folder of BENCHMARK/SPLIT.jsonl.gz that is looked in before the Hugging Face hub",
    "baselines": "the folder of saved baselines, from the rootdir (eval-baselines)",
    "python": "the interpreter of the environment that holds the model server, where it has one of its own",
}
OF_DEPLOYMENTS = (
    "served_model_name",
    "tensor_parallel_size",
    "max_model_len",
    "server_args",
    "deploy_timeout",
    "deploy_restarts",
    "keep_deployment",
)
NUMBERS = {
    "tensor_parallel_size": int,
    "max_model_len": int,
    "repeats": int,
    "concurrency": int,
    "deploy_timeout": float,
    "deploy_restarts": int,
    "deadline": float,
}
TASKS_READ = pytest.StashKey[list[tuple[list[str], tuple[str, ...]]]]()
"""For each suite file: the names of its tasks, and the overrides that name none of them."""
COMMAND_LINE = "the command line"
SETTINGS: pytest.StashKey[EvalSettings] = pytest.StashKey()
FILE_PATTERNS = ["eval_*.yaml", "eval_*.yml", "*.eval.yaml"]


def add_options(parser: pytest.Parser) -> None:
    """Register the prefixed flags and the ini values."""
    group = parser.getgroup("nemo-eval", "evaluations of language models")
    for option in OPTIONS:
        also = f" (also {option.alias})" if option.alias else ""
        group.addoption(
            option.flag,
            dest=option.dest,
            default=None,
            help=option.help + also,
            **option.action,
        )
        if option.ini:
            parser.addini(f"eval_{option.field}", f"as {option.flag}: {option.help}", default=None)
    for field, text in INI_ONLY.items():
        parser.addini(f"eval_{field}", text, default=None)
    parser.addini("eval_files", "names of suite files", type="args", default=FILE_PATTERNS)


def add_aliases(parser: pytest.Parser) -> list[str]:
    """Register the short flags that nobody owns; to be called once the initial conftest.py files are loaded.

    Returns:
        The short flags that belong to somebody else.
    """
    group = parser.getgroup("nemo-eval")
    taken = []
    for option in OPTIONS:
        if option.alias is None:
            continue
        if _is_free(parser, option.alias):
            group.addoption(
                option.alias, dest=option.dest, default=None, **{**option.action, "help": argparse.SUPPRESS}
            )
        else:
            taken.append(option.alias)
    return taken


def _is_free(parser: pytest.Parser, flag: str) -> bool:
    try:
        return f"{flag}=x" in parser.parse_known_and_unknown_args([f"{flag}=x"])[1]
    except (pytest.UsageError, SystemExit):
        return False  # somebody's flag, which wants another kind of value


def any_given(config: pytest.Config) -> bool:
    """Whether the command line or the ini-file says anything to us."""
    return any(True for _ in _given(config)) or bool(dotted_keys(config.getoption("override_ini", None)))


def names_a_baseline_model(config: pytest.Config) -> bool:
    """Whether one model is what the others are held against."""
    return any(field.startswith("baseline_model_") for field, _ in _given(config))


def read_settings(config: pytest.Config) -> EvalSettings:
    """The command line over the ini-file.

    Raises:
        pytest.UsageError: a value of the wrong kind, or options that contradict each other.
    """
    if SETTINGS not in config.stash:
        config.stash[SETTINGS] = _read(config)
    return config.stash[SETTINGS]


def _read(config: pytest.Config) -> EvalSettings:
    from ..config.options import EvalSettings, check_settings

    values = dict(_given(config))
    if values.get("concurrency") == "auto":
        del values["concurrency"]
    try:
        for field, kind in NUMBERS.items():
            if field in values:
                values[field] = _positive(field, values[field], kind)
        if "limit" in values:
            values["limit"] = _limit(values["limit"])
        values["interceptors"] = tuple(values.get("interceptors", ()))
        values.update(_models(values))
        values["server_args"] = _pairs(values.get("server_args", ()))
        values["overrides"] = (*dotted_keys(config.getoption("override_ini", None)), *values.get("overrides", ()))
        settings = EvalSettings(**values)
        check_settings(settings)
        if all(one.model_url for one in [model.in_settings(settings) for model in settings.models] or [settings]):
            _refuse_deployment_flags(config)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None
    return settings


def _models(values: dict[str, Any]) -> dict[str, Any]:
    """The one model, or the several ones, that flags name."""
    from ..config.models import BASELINE, Model, models_of_session

    given = {field: values.pop(field, ()) for field in ("model_path", "model_url", "model_id")}
    listed = {field: [text] if isinstance(text, str) else text for field, text in given.items()}
    path, url, name = (values.pop(f"baseline_{field}", None) for field in given)
    if path and url:
        raise ConfigError("--baseline-model-path and --baseline-model-url are two baselines: give one of them")
    baseline = Model(label=BASELINE, path=path, url=url, id=name) if path or url or name else None
    models = models_of_session(listed["model_path"], listed["model_url"], listed["model_id"], baseline)
    return {"models": models, **{field: texts[0] for field, texts in listed.items() if texts}}


def _refuse_deployment_flags(config: pytest.Config) -> None:
    for option in OPTIONS:
        if option.field in OF_DEPLOYMENTS and config.getoption(option.dest) is not None:
            raise ConfigError(
                f"{option.alias} is for models that are deployed, and --model-url (or eval_model_url of the ini-file) "
                "names one that is served already: leave one of them out"
            )


def _given(config: pytest.Config) -> Iterator[tuple[str, Any]]:
    for option in OPTIONS:
        value = config.getoption(option.dest)
        if value is None and option.ini:
            value = config.getini(f"eval_{option.field}") or None
        if value is not None:
            yield option.field, value
    for field in INI_ONLY:
        value = config.getini(f"eval_{field}")
        if value:
            yield field, value


def _positive(field: str, text: str, kind: type[int] | type[float]) -> int | float:
    try:
        value = kind(text)
    except ValueError:
        value = kind(0)
    if not 0 < value < float("inf"):
        raise ConfigError(f"--eval-{field.replace('_', '-')} takes a number above 0, not {text!r}")
    return value


def _limit(text: str) -> int | float:
    try:
        value: int | float = int(text)
    except ValueError:
        try:
            value = float(text)
        except ValueError:
            value = 0
    if value <= 0 or (isinstance(value, float) and not value < 1):
        raise ConfigError(f"--eval-limit takes a count of samples, or a fraction between 0 and 1, not {text!r}")
    return value


def _pairs(entries: list[str] | tuple[()]) -> Mapping[str, Any]:
    from ..config.document import parse_value

    pairs: dict[str, Any] = {}
    for entry in entries:
        name, equals, text = entry.partition("=")
        if not name.strip("- "):
            raise ConfigError(f"--server-arg takes KEY=VALUE, not {entry!r}")
        value = parse_value(text) if equals else True
        pairs[name.strip().lstrip("-")] = value if isinstance(value, (bool, int, float, str)) else text
    return pairs


def dotted_keys(entries: list[str] | None) -> list[str]:
    """Of pytest's ``-o`` entries those that override a suite file, as users of NeMo's launcher type them."""
    return [entry for entry in entries or () if entry.startswith(SECTIONS)]
