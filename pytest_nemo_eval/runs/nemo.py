"""NeMo Evaluator's bundles as baselines: ``eval-*.json`` with ``results.jsonl`` beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from ..chat import Json, text_digest
from ..errors import ConfigError
from ..scores import SampleResult, Score
from .baseline import Baseline, Stored, Wanted, plain_name
from .record import BenchmarkRecord, ModelRecord, RunRecord, RunStatus
from .writer import RESULTS

KIND = "NeMo Evaluator"
_PARAMETERS = ("temperature", "max_tokens", "top_p", "seed")


class _Row(msgspec.Struct):
    """One line of its ``results.jsonl``."""

    problem_idx: int
    reward: float
    repeat: int = 0
    prompt: str | None = None
    model_response: str | None = None
    extracted_answer: Json = None
    expected_answer: Json = None
    metadata: dict[str, Json] = msgspec.field(default_factory=dict)
    scoring_details: dict[str, Json] = msgspec.field(default_factory=dict)


class _Benchmark(msgspec.Struct):
    name: str
    samples: int = 0
    repeats: int = 1


class _Bundle(msgspec.Struct):
    benchmark: _Benchmark
    timestamp: str = ""
    config: dict[str, Json] = msgspec.field(default_factory=dict)


def is_own(path: Path) -> bool:
    """Whether an ``eval-*.json`` is a Run's of this project."""
    try:
        return "schema_version" in msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return False


def stored(path: Path) -> list[Stored]:
    """The benchmark of a bundle; none where the file is something else."""
    try:
        bundle = msgspec.json.decode(path.read_bytes(), type=_Bundle)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return []
    return [Stored(plain_name(bundle.benchmark.name), "", "", "", path, _loader(path, bundle))]


def _loader(path: Path, bundle: _Bundle) -> Callable[[str, Wanted], Baseline]:
    def load(name: str, wanted: Wanted) -> Baseline:
        rows = _rows(path.parent / RESULTS)
        results = tuple(_result(row) for row in rows)
        return Baseline(name, KIND, path.parent, _record(bundle, wanted), results)

    return load


def _rows(path: Path) -> list[_Row]:
    if not path.is_file():
        raise ConfigError(
            f"the baseline {path.parent} has no {RESULTS}: without its samples questions cannot be paired, and a drop "
            "cannot be told from chance"
        )
    rows = []
    decoder = msgspec.json.Decoder(_Row)
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                rows.append(decoder.decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise ConfigError(f"{path}:{number}: is no result of NeMo Evaluator: {error}") from None
    return rows


def _result(row: _Row) -> SampleResult:
    answer = row.extracted_answer
    return SampleResult(
        sample_id=str(row.problem_idx),
        repeat=row.repeat,
        input=row.prompt or "",
        target="" if row.expected_answer is None else str(row.expected_answer),
        category=str(row.metadata.get("category") or row.scoring_details.get("category") or ""),
        prompt=text_digest(row.prompt) if row.prompt else "",
        score=Score(value=min(1.0, max(0.0, row.reward)), answer=None if answer is None else str(answer)),
        reply=row.model_response or "",
    )


def _record(bundle: _Bundle, wanted: Wanted) -> RunRecord:
    config = bundle.config
    return RunRecord(
        status=RunStatus.FINISHED,
        item="",
        started=bundle.timestamp,
        benchmark=BenchmarkRecord(
            name=wanted.benchmark,
            variant="",
            version="",
            samples=bundle.benchmark.samples,
            repeats=bundle.benchmark.repeats,
            num_fewshot=0,
            reference_fewshot=0,
            scorer="",
            parameters={key: config[key] for key in _PARAMETERS if config.get(key) is not None},
            data="",
            data_fingerprint="",
            prompt_fingerprint="",
        ),
        model=ModelRecord(id=str(config.get("model") or ""), url="", protocol=""),
    )
