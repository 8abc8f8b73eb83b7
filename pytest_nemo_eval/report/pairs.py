"""The first questions and answers of a Run, for people: ``report.html`` and ``report.json`` in its folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec

from ..errors import StorageError
from ..interceptors import Config
from ..runs import RunRecord, index_results
from ..runs.reader import read_record
from ..runs.writer import RESULTS
from ..scores import SampleResult

FILES = {"html": "report.html", "json": "report.json"}

_STYLE = (
    "body{font:15px/1.4 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;background:#f4f4f4;padding:.6em}"
    "section{border-top:1px solid #bbb;margin-top:1.5em}th{text-align:left;padding-right:1em}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may load for the page: nothing, whatever a model wrote."""


class PairsReportConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        report_types: html, json, or both.
        html_report_size: how many questions, the first that finished; None for all.
    """

    report_types: Annotated[tuple[Literal["html", "json"], ...], msgspec.Meta(min_length=1)] = ("html",)
    html_report_size: Annotated[int, msgspec.Meta(ge=1)] | None = 5


class Pair(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question and what came of it."""

    sample_id: str
    repeat: int
    question: str
    target: str
    reply: str
    score: float | None
    answer: str | None = None
    explanation: str = ""
    error: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int
    completion_tokens: int
    seconds: float


class PairsReport:
    """The hook ``post_eval_report``.

    Raises:
        StorageError: a file cannot be written.
    """

    name: ClassVar[str] = "post_eval_report"

    def __init__(self, config: PairsReportConfig = PairsReportConfig()) -> None:
        self._config = config

    def __call__(self, run_folder: Path) -> None:
        record = read_record(run_folder)
        results = index_results(run_folder / RESULTS)
        most = self._config.html_report_size
        count = len(results) if most is None else min(most, len(results))
        pieces: Mapping[str, Callable[[RunRecord, Iterator[Pair], int], Iterator[str]]] = {"html": _html, "json": _json}
        for kind in dict.fromkeys(self._config.report_types):
            pairs = (_pair(results[index]) for index in range(count))
            _write(run_folder / FILES[kind], pieces[kind](record, pairs, len(results)))


def _pair(result: SampleResult) -> Pair:
    score, usage = result.score, result.usage
    return Pair(
        sample_id=result.sample_id,
        repeat=result.repeat,
        question=result.input,
        target=result.target,
        reply=result.reply,
        score=None if score is None else score.value,
        answer=None if score is None else score.answer,
        explanation="" if score is None else score.explanation,
        error=result.error,
        finish_reason=result.finish_reason,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        seconds=result.seconds,
    )


def _json(record: RunRecord, pairs: Iterator[Pair], total: int) -> Iterator[str]:
    head = {
        "benchmark": _benchmark(record),
        "model": record.model.id,
        "started": record.started,
        "status": record.status.value,
        "scores": {name: metric.value for name, metric in record.benchmark.scores.items()},
        "samples": total,
    }
    yield msgspec.json.encode(head).decode()[:-1] + ',"pairs":['
    for number, pair in enumerate(pairs):
        yield (",\n" if number else "\n") + msgspec.json.encode(pair).decode()
    yield "\n]}\n"


def _html(record: RunRecord, pairs: Iterator[Pair], total: int) -> Iterator[str]:
    """Each text escaped: it is a model's, or a data set's."""
    title = escape(f"{_benchmark(record)}, {record.model.id}")
    yield (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><meta name="referrer" content="no-referrer">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>\n<h1>{title}</h1>\n"
        f"<p>{escape(record.started)}, {escape(record.status.value)}, {total} samples</p>\n<table>"
    )
    for name, metric in record.benchmark.scores.items():
        yield f"<tr><th>{escape(name)}</th><td>{metric.value:.4f}</td></tr>"
    yield "</table>\n"
    for pair in pairs:
        yield _section(pair)
    yield "</body></html>\n"


def _section(pair: Pair) -> str:
    score = "none" if pair.score is None else f"{pair.score:g}"
    facts = f"score {score}, {pair.prompt_tokens} + {pair.completion_tokens} tokens, {pair.seconds:g} s"
    facts += f", finished by {pair.finish_reason}" if pair.finish_reason else ""
    texts = {
        "question": pair.question,
        "reply": pair.reply,
        "target": pair.target,
        "answer that was found": pair.answer,
        "explanation": pair.explanation,
        "error": pair.error,
    }
    shown = "".join(f"<h3>{name}</h3><pre>\n{escape(text)}</pre>" for name, text in texts.items() if text)
    return f"<section><h2>{escape(pair.sample_id)}, repeat {pair.repeat}</h2><p>{escape(facts)}</p>{shown}</section>\n"


def _benchmark(record: RunRecord) -> str:
    benchmark = record.benchmark
    return f"{benchmark.name}:{benchmark.variant}" if benchmark.variant else benchmark.name


def _write(path: Path, pieces: Iterator[str]) -> None:
    """Whole, or not at all."""
    new = path.with_name(f".new-{path.name}")
    try:
        with new.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(pieces)
        os.replace(new, path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from None
