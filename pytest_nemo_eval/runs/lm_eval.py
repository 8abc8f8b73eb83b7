"""lm-evaluation-harness' sample logs (``--log_samples``) as baselines: ``samples_TASK_TIME.jsonl``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from ..chat import Json, text_digest
from ..errors import ConfigError
from ..scores import SampleResult, Score
from .baseline import Baseline, Stored, Wanted, plain_name
from .record import BenchmarkRecord, ModelRecord, RunRecord, RunStatus

KIND = "lm-eval"
_FILE = re.compile(r"samples_(.+?)(?:_\d{4}-\d\d-\d\dT[\d.:-]+)?\.jsonl")
_FILTERS = {"numeric": "flexible-extract", "numeric-strict": "strict-match", "choice": "custom-extract"}
"""Our scorers to its filters: the same reading of a reply."""
_METRICS = ("exact_match", "acc", "pass@1", "prompt_level_strict_acc")
_TEXTS = ("question", "prompt", "problem", "input", "text", "query")
_PARAMETERS = {"temperature": "temperature", "max_gen_toks": "max_tokens", "max_tokens": "max_tokens", "top_p": "top_p"}


class _Row(msgspec.Struct):
    """One line: a document under one filter."""

    doc_id: int
    doc: dict[str, Json] = msgspec.field(default_factory=dict)
    target: Json = None
    arguments: Json = None
    resps: Json = None
    filtered_resps: Json = None
    filter: str = "none"
    metrics: list[str] = msgspec.field(default_factory=list)


def stored(folder: Path) -> list[Stored]:
    """The tasks that a folder has logs of; the subtasks of a group (``mmlu_pro_law``) count as the group too."""
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("samples_*.jsonl")):
        match = _FILE.fullmatch(path.name)
        if match:
            files.setdefault(plain_name(match[1]), []).append(path)
    tasks = {task: paths for task, paths in files.items() if len(paths) == 1}
    for task, paths in files.items():
        if len(paths) > 1:
            raise ConfigError(f"{folder} has {len(paths)} logs of {task}: name a folder with one of them")
    found = [Stored(task, "", task, "", paths[0], _loader(paths)) for task, paths in tasks.items()]
    parents = Counter(parent for task in tasks for parent in _parents(task))
    for parent, count in parents.items():
        if parent not in tasks and count > 1:
            children = [paths[0] for task, paths in tasks.items() if task.startswith(f"{parent}_")]
            found.append(Stored(parent, "", parent, "", folder, _loader(children)))
    return found


def _parents(task: str) -> Iterator[str]:
    words = task.split("_")
    yield from ("_".join(words[:end]) for end in range(1, len(words)))


def _loader(paths: Sequence[Path]) -> Callable[[str, Wanted], Baseline]:
    def load(name: str, wanted: Wanted) -> Baseline:
        pairs = [pair for path in paths for pair in _rows(path)]
        rows = _filtered([row for row, _ in pairs], wanted, name)
        kept = {id(row) for row in rows}
        results = tuple(_result(row, values, name) for row, values in pairs if id(row) in kept)
        return Baseline(name, KIND, paths[0].parent, _record(rows, wanted), results)

    return load


def _rows(path: Path) -> Iterator[tuple[_Row, dict[str, Json]]]:
    """Each row, and all its columns: a metric's value stands in a column of the metric's name."""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                values = msgspec.json.decode(line, type=dict[str, Json])
                yield msgspec.convert(values, _Row), values
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise ConfigError(f"{path}:{number}: is no sample of lm-eval: {error}") from None


def _filtered(rows: list[_Row], wanted: Wanted, name: str) -> list[_Row]:
    """The rows of one filter: that which reads replies as our scorer does, else the only one."""
    filters = sorted({row.filter for row in rows})
    chosen = _FILTERS.get(wanted.scorer)
    if chosen not in filters and len(filters) == 1:
        chosen = filters[0]
    if chosen not in filters:
        raise ConfigError(
            f"the baseline {name} logs {wanted.benchmark} under the filters {', '.join(filters)}, and none of them "
            f"reads replies as the scorer {wanted.scorer} does"
        )
    return [row for row in rows if row.filter == chosen]


def _result(row: _Row, values: dict[str, Json], name: str) -> SampleResult:
    found = (values.get(metric) for metric in (*_METRICS, *row.metrics))
    value = next((value for value in found if isinstance(value, int | float)), None)
    if value is None:
        raise ConfigError(f"the baseline {name}: document {row.doc_id} has no score (its metrics: {row.metrics})")
    answer = _first(row.filtered_resps)
    prompt = _prompt(row.arguments)
    return SampleResult(
        sample_id=str(row.doc.get("question_id", row.doc_id)),
        input=next((str(row.doc[name]) for name in _TEXTS if isinstance(row.doc.get(name), str)), prompt or ""),
        target=str(row.target if row.target is not None else row.doc.get("answer", "")),
        category=str(row.doc.get("category") or ""),
        prompt=text_digest(prompt) if prompt else "",
        score=Score(value=float(value), answer=None if answer in (None, "[invalid]") else answer),
        reply=_first(row.resps) or "",
    )


def _first(value: Json) -> str | None:
    """The text inside of lists."""
    while isinstance(value, list):
        if not value:
            return None
        value = value[0]
    return None if value is None else str(value)


def _arguments(value: Json) -> tuple[Json, Json]:
    """(what was asked, generation parameters) of either shape that its versions log."""
    if isinstance(value, dict):
        value = value.get("gen_args_0")
        if isinstance(value, dict):
            return value.get("arg_0"), value.get("arg_1")
    if isinstance(value, list) and value and isinstance(value[0], list) and value[0]:
        return value[0][0], value[0][1] if len(value[0]) > 1 else None
    return None, None


def _prompt(arguments: Json) -> str | None:
    """The text that was asked; of a conversation, its contents."""
    asked, _ = _arguments(arguments)
    if isinstance(asked, list) and asked:
        asked = asked[0]
    if not isinstance(asked, str):
        return None
    if asked.startswith('[{"role"'):
        try:
            return "\0".join(turn["content"] for turn in msgspec.json.decode(asked, type=list[dict[str, str]]))
        except (msgspec.MsgspecError, KeyError):
            return asked
    return asked


def _record(rows: Sequence[_Row], wanted: Wanted) -> RunRecord:
    _, given = _arguments(rows[0].arguments) if rows else (None, None)
    given = given if isinstance(given, dict) else {}
    return RunRecord(
        status=RunStatus.FINISHED,
        item="",
        started="",
        benchmark=BenchmarkRecord(
            name=wanted.benchmark,
            variant="",
            version="",
            samples=len({row.doc_id for row in rows}),
            repeats=1,
            num_fewshot=0,
            reference_fewshot=0,
            scorer="",
            parameters={ours: given[theirs] for theirs, ours in _PARAMETERS.items() if given.get(theirs) is not None},
            data="",
            data_fingerprint="",
            prompt_fingerprint="",
        ),
        model=ModelRecord(id="", url="", protocol=""),
    )
