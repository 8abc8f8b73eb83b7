"""``run_benchmark``: from a call in a test, or a task in a suite file, to a result or a verdict."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec
import pytest

from ..chat import Json
from ..client import Client
from ..config.options import EvalSettings
from ..config.settings import Limit, TaskSettings, Tier
from ..errors import BrokenSetupError, ConfigError, EvalError, GateFailure, GateInconclusive
from ..evaluation import (
    BenchmarkResult,
    Execution,
    Gating,
    Job,
    Rules,
    broken_setup,
    explain,
    finish,
    headline,
    note_rerun,
)
from ..gates import Gate, Verdict
from ..interceptors import name_of
from ..report import Row, run_hooks
from ..runs import save_baseline
from ..runs.find import RERUN
from .asking import Waiter, begin
from .chains import default_hooks
from .extending import said_of
from .models import check_endpoint, note_measured, plan_item
from .outcome import EVALUATED, Evaluated
from .rules import RULES, rules_of
from .state import EvalSession
from .turns import SUITE

if TYPE_CHECKING:
    from typing_extensions import Unpack


class TaskOptions(TypedDict, total=False):
    """What ``run_benchmark`` takes beside the benchmark's name; each as in a suite file."""

    limit: Limit
    dataset: str | Path | Mapping[str, Any]
    prompt: str
    scorer: str
    gates: Mapping[str, Mapping[str, Any]] | Sequence[Gate]
    validity: Mapping[str, float | bool] | bool
    interval: str
    cluster: str
    tier: str
    num_fewshot: int
    subsets: Sequence[str]
    repeats: int
    max_errors: int
    deadline: float
    scorer_timeout: float
    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int
    stop: Sequence[str]
    stream: bool
    parallelism: int
    request_timeout: float
    max_retries: int
    extra: Mapping[str, Json]


class BenchmarkRunner:
    """Runs benchmarks for one test."""

    def __init__(self, request: pytest.FixtureRequest, session: EvalSession) -> None:
        self._request = request
        self._session = session

    def __call__(self, name: str, **options: Unpack[TaskOptions]) -> BenchmarkResult:
        """Run one benchmark.

        Args:
            name: a benchmark (``gsm8k``, ``mmlu_pro:lm-eval``), or with ``prompt`` and ``scorer`` a name of your own.
            options: see TaskOptions. ``dataset`` is a file, a folder, or the keys of a suite file's ``dataset``;
                relative paths are taken from the test's file. ``gates`` are those of a suite file, or Gate objects.

        Returns:
            The result; ``assert result.accuracy >= 0.55`` explains itself when it fails.

        Raises:
            GateFailure: one of ``gates`` was missed (pytest: FAILED).
            EvalError: something broke (pytest: ERROR).
        """
        __tracebackhide__ = True
        gates = options.pop("gates", ())
        declared: Mapping[str, Any] = gates if isinstance(gates, Mapping) else {}
        task = task_of(name, options, declared, self._request.path.parent)
        return self.run(task, () if isinstance(gates, Mapping) else tuple(gates))

    def run(self, task: TaskSettings, gates: Sequence[Gate] = ()) -> BenchmarkResult:
        """Run a task of a suite file."""
        __tracebackhide__ = True
        item = self._request.node
        evaluated = item.stash.setdefault(EVALUATED, [])
        try:
            refuse_reruns(item)
            settings = self._request.getfixturevalue("eval_settings")
            hooks = default_hooks(settings, item.stash.get(SUITE, None))
            with said_of("pytest_nemo_eval_before_benchmark"):
                item.ihook.pytest_nemo_eval_before_benchmark(item=item, task=task)
            result = self._evaluate(task, gates, settings)
            evaluated.append(Evaluated(result=result))
            for metric, value in result.metrics.items():
                item.user_properties.append((f"{task.name}.{metric}", float(value.value)))
            with said_of("pytest_nemo_eval_after_benchmark"):
                item.ihook.pytest_nemo_eval_after_benchmark(item=item, task=task, result=result)
            problem = run_hooks(hooks, result.folder)
            if problem is not None:
                result.notes = (*result.notes, str(problem))
            try:
                with said_of("pytest_nemo_eval_judge"):
                    item.ihook.pytest_nemo_eval_judge(item=item, result=result)
            except EvalError:
                judge(result)  # a missed gate stays one, whatever became of the hooks
                raise
            if problem is not None:
                raise problem
        except GateFailure:
            raise
        except (Exception, pytest.fail.Exception) as error:  # pytest.fail: a fixture of the user's, or pytest-timeout
            row = Row(benchmark=task.name, verdict="error", note=str(error).partition("\n")[0])
            if not (evaluated and isinstance(error, BrokenSetupError)):
                evaluated.append(Evaluated(error=row))
            if isinstance(error, EvalError):
                raise
            raise EvalError(f"{task.name}: {type(error).__name__}: {error}") from error
        return result

    def _evaluate(self, task: TaskSettings, gates: Sequence[Gate], settings: EvalSettings) -> BenchmarkResult:
        execution = self._session.ahead.take(self._request.node) if self._session.ahead is not None else None
        if execution is None:
            job = plan_item(self._request.node, task, settings, gates, self._rules(settings), self._session)
            execution = self._begin(job, self._session.run_folder(self._request.node.nodeid))
        job, folder = execution.job, execution.place.folder
        result = self._finish(execution)
        if settings.show_chain:
            names = [name_of(interceptor) for interceptor in execution.client.interceptors]
            result.notes = (*result.notes, f"chain: {' -> '.join([*names, 'endpoint'])}")
        note_measured(self._request.node, result, self._session)
        if result.partial:
            return result
        if settings.aa:
            again = self._begin(replace(job, gating=Gating(())), folder / RERUN, anew=True)
            note_rerun(result, self._finish(again))
        if settings.save_baseline:
            saved = save_baseline(folder, job.rules.saved, settings.save_baseline)
            result.notes = (*result.notes, f"saved as the baseline {settings.save_baseline}: {saved}")
        return result

    def _begin(self, job: Job, folder: Path, anew: bool = False) -> Execution:
        client: Client = self._request.getfixturevalue("eval_client")
        check_endpoint(self._request.node, client.endpoint, self._session)
        return begin(self._session, job, client.anew() if anew else client, folder, self._request.path)

    def _finish(self, execution: Execution) -> BenchmarkResult:
        return finish(execution, Waiter(self._session, self._request.node).wait)

    def _rules(self, settings: EvalSettings) -> Rules:
        stash = self._request.node.stash
        if RULES not in stash:
            stash[RULES] = rules_of(self._request.config, settings, self._request.path)
        rules: Rules = stash[RULES][0]
        return rules


def judge(result: BenchmarkResult) -> None:
    """Raise what the required gates come out as; advisory ones never raise."""
    __tracebackhide__ = True
    if result.record.faults and any(gate.tier is not Tier.ADVISORY for gate in result.gates):
        raise broken_setup(result)
    missed = [gate for gate in result.missed() if gate.tier is not Tier.ADVISORY]
    if result.partial and not result.gates:
        raise GateInconclusive("\n".join(["inconclusive: not all samples were asked", *explain(result)]))
    if not missed:
        return
    conditions = " and ".join(gate.condition for gate in missed)
    failed = any(gate.verdict is Verdict.FAIL for gate in missed)
    lines = [gate.explanation for gate in missed]
    metric = result.metrics.get(missed[0].condition.partition(" ")[0], result.metrics["accuracy"])
    lines += [f"{headline(result, metric)}; wanted {conditions}", *explain(result)]
    if failed:
        raise GateFailure("gate missed: " + "\n".join(lines))
    raise GateInconclusive("inconclusive: " + "\n".join(lines))


def refuse_reruns(item: pytest.Item) -> None:
    """Running a gate again until it passes makes it a coin that is tossed until it shows heads.

    Raises:
        ConfigError: pytest-rerunfailures would do so.
    """
    marker = item.get_closest_marker("flaky")
    if item.config.getoption("reruns", None) or (
        marker is not None and item.config.pluginmanager.hasplugin("rerunfailures")
    ):
        raise ConfigError(RERUNS)


RERUNS = (
    "reruns of an evaluation are refused: a gate that is tried until it passes, passes too often (three tries at an "
    "even chance pass seven times out of eight). Requests that fail are retried by themselves: leave --reruns, or the "
    "mark flaky, out"
)


def task_of(name: str, options: Mapping[str, Any], gates: Mapping[str, Any], folder: Path) -> TaskSettings:
    """The task that a call of ``run_benchmark`` means.

    Raises:
        ConfigError: an option that does not exist, or of the wrong kind.
    """
    values: dict[str, Any] = {"name": name, "gates": dict(gates)}
    params: dict[str, Any] = {}
    for option, value in options.items():
        if option not in TaskOptions.__annotations__:
            near = difflib.get_close_matches(option, TaskOptions.__annotations__, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(TaskOptions.__annotations__)}"
            raise ConfigError(f"run_benchmark has no option {option}; {hint}")
        if option == "dataset":
            values[option] = _dataset(value, folder)
        elif option == "limit":
            params["limit_samples"] = value
        elif option in TaskSettings.__struct_fields__:
            values[option] = value
        else:
            params[option] = value
    try:
        return msgspec.convert({**values, "params": params}, TaskSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"run_benchmark({name!r}, ...): {error}") from None


def _dataset(value: str | Path | Mapping[str, Any], folder: Path) -> dict[str, Any]:
    dataset = dict(value) if isinstance(value, Mapping) else {"path": str(value)}
    for key in ("path", "fewshot_path"):
        if key in dataset:
            dataset[key] = str(folder / Path(dataset[key]).expanduser())
    return dataset
