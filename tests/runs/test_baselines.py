"""Baselines: found, saved, paired."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from pytest_nemo_eval import Sample, SampleResult, Score
from pytest_nemo_eval.chat import Json, text_digest
from pytest_nemo_eval.config.settings import Facet
from pytest_nemo_eval.errors import ConfigError, EvalError
from pytest_nemo_eval.runs import (
    Baseline,
    BaselineMissingError,
    RunRecord,
    RunStatus,
    RunWriter,
    Wanted,
    find_baseline,
    locate,
    pair,
    save_baseline,
)
from tests.records import RECORD

QUESTIONS = ["How many?", "How much?", "How far?"]
WANTED = Wanted(benchmark="gsm8k", variant="lm-eval", item="gsm8k", scorer="numeric", data_fingerprint="d")
SAMPLES = [Sample(id=str(n), input=text, target=str(n)) for n, text in enumerate(QUESTIONS)]
PROMPTS = {sample.id: text_digest(f"Question: {sample.input}\nAnswer:") for sample in SAMPLES}


def result(sample: Sample, **changes: object) -> SampleResult:
    made = SampleResult(
        sample_id=sample.id,
        input=sample.input,
        target=sample.target,
        prompt=PROMPTS[sample.id],
        score=Score(value=1.0, answer=sample.target),
    )
    return msgspec.structs.replace(made, **changes)


def write(folder: Path, record: RunRecord = RECORD) -> Path:
    writer = RunWriter(folder, record, len(SAMPLES))
    for place, sample in enumerate(SAMPLES):
        writer.append(result(sample), place)
    writer.close()
    return folder


def own(*results: SampleResult, record: RunRecord = RECORD) -> Baseline:
    return Baseline("old", "pytest-nemo-eval", Path(), record, results or tuple(map(result, SAMPLES)))


def lines(path: Path, rows: list[Mapping[str, Json]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_run_is_saved_and_found(tmp_path: Path) -> None:
    saved = tmp_path / "baselines"
    run = write(tmp_path / "eval-runs" / "1" / "eval_it.yaml_gsm8k")
    (run / "flips.jsonl").write_text("")
    place = save_baseline(run, saved, "main")
    assert sorted(path.name for path in place.iterdir()) == ["eval-gsm8k.json", "results.jsonl"]
    save_baseline(run, saved, "main")
    assert [path.name for path in (saved / "main").iterdir()] == [run.name]
    found = find_baseline("main", locate("main", tmp_path, saved), WANTED)
    assert (found.record, len(found.results)) == (RECORD, 3)
    with pytest.raises(ConfigError, match="a baseline's name may hold letters"):
        save_baseline(run, saved, "../x")


def test_a_baseline_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvalError, match="the baseline main cannot be saved to"):
        save_baseline(write(tmp_path / "run"), tmp_path / "file", "main")


def test_names_go_before_folders_and_both_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / "saved" / "main").mkdir(parents=True)
    (tmp_path / "main").mkdir()
    assert locate("main", tmp_path, tmp_path / "saved") == tmp_path / "saved" / "main"
    assert locate("./main", tmp_path, tmp_path / "saved") == tmp_path / "main"
    with pytest.raises(ConfigError, match=r"there is no baseline other: .*saved there: main"):
        locate("other", tmp_path, tmp_path / "saved")


def test_the_run_that_fits_best_is_taken(tmp_path: Path) -> None:
    other_data = msgspec.structs.replace(RECORD.benchmark, data_fingerprint="e")
    other_variant = msgspec.structs.replace(RECORD.benchmark, variant="nemo-evaluator")
    write(tmp_path / "a", msgspec.structs.replace(RECORD, benchmark=other_data))
    write(tmp_path / "b", msgspec.structs.replace(RECORD, benchmark=other_variant))
    write(tmp_path / "c", msgspec.structs.replace(RECORD, status=RunStatus.ERROR))
    write(tmp_path / "d" / "rerun")
    write(tmp_path / "e")
    assert find_baseline("old", tmp_path, WANTED).folder == tmp_path / "e"
    write(tmp_path / "f")
    with pytest.raises(ConfigError, match="2 runs of gsm8k"):
        find_baseline("old", tmp_path, WANTED)


def test_a_benchmark_that_a_baseline_does_not_have(tmp_path: Path) -> None:
    write(tmp_path / "a")
    with pytest.raises(BaselineMissingError, match=r"has no mmlu_pro; .* holds gsm8k"):
        find_baseline("old", tmp_path, msgspec.convert({**_fields(WANTED), "benchmark": "mmlu_pro"}, Wanted))


def _fields(wanted: Wanted) -> dict[str, str]:
    return {name: getattr(wanted, name) for name in ("benchmark", "variant", "item", "scorer", "data_fingerprint")}


def test_the_same_questions_are_paired(tmp_path: Path) -> None:
    pairing = pair(own(), RECORD, SAMPLES, PROMPTS)
    assert (len(pairing.results), pairing.unpaired, pairing.differences) == (3, 0, {})


@pytest.mark.parametrize(
    ("baseline", "facet", "words"),
    [
        (own(*(result(sample) for sample in SAMPLES[:2])), Facet.DATA, "2 questions there, 3 here, 2 in both"),
        (own(*(result(s, target="9") for s in SAMPLES)), Facet.DATA, "3 questions have another right answer"),
        (own(*(result(s, prompt="x") for s in SAMPLES)), Facet.PROMPT, "3 of 3 questions were asked in other words"),
    ],
)
def test_what_differs_between_questions(baseline: Baseline, facet: Facet, words: str) -> None:
    assert pair(baseline, RECORD, SAMPLES, PROMPTS).differences == {facet: words}


@pytest.mark.parametrize(
    ("change", "facet", "words"),
    [
        ({"parameters": {"temperature": 0.5}}, Facet.PARAMETERS, "temperature: 0.5 there, 0.0 here"),
        ({"parameters": {}}, Facet.PARAMETERS, "temperature: None there, 0.0 here"),
        ({"scorer": "exact"}, Facet.BENCHMARK, "scorer: exact there, numeric here"),
        ({"version": "0"}, Facet.BENCHMARK, "version: 0 there, 1 here"),
        ({"interceptors": ("m.f",)}, Facet.PROMPT, "interceptors: m.f there, none here"),
    ],
)
def test_what_differs_between_runs(change: dict[str, object], facet: Facet, words: str) -> None:
    record = msgspec.structs.replace(RECORD, benchmark=msgspec.structs.replace(RECORD.benchmark, **change))
    assert pair(own(record=record), RECORD, SAMPLES, PROMPTS).differences == {facet: words}


def test_questions_in_another_order_are_paired_by_their_text() -> None:
    shuffled = own(*(result(sample, sample_id=str(9 - n)) for n, sample in enumerate(SAMPLES)))
    pairing = pair(shuffled, RECORD, SAMPLES, PROMPTS)
    assert [found.sample_id for found in pairing.results] == ["0", "1", "2"]
    assert pairing.differences == {}


def nemo_row(n: int, **changes: Json) -> Mapping[str, Json]:
    row: dict[str, Json] = {
        "problem_idx": n,
        "repeat": 0,
        "reward": 1.0,
        "prompt": f"Question: {QUESTIONS[n]}\nAnswer:",
        "model_response": "It is so",
        "extracted_answer": n,
        "expected_answer": str(n),
        "metadata": {"category": "c"},
    }
    return {**row, **changes}


def test_nemo_evaluators_bundle(tmp_path: Path) -> None:
    bundle = {
        "run_id": "eval-1",
        "benchmark": {"name": "lm-eval://GSM8K", "scores": {}},
        "config": {"model": "m", "temperature": None, "max_tokens": 8},
    }
    (tmp_path / "eval-1.json").write_text(json.dumps(bundle))
    with pytest.raises(ConfigError, match=r"has no results.jsonl"):
        find_baseline("old", tmp_path, WANTED)
    lines(tmp_path / "results.jsonl", [nemo_row(n) for n in range(3)])
    found = find_baseline("old", tmp_path, WANTED)
    assert (found.kind, found.record.benchmark.parameters) == ("NeMo Evaluator", {"max_tokens": 8})
    pairing = pair(found, RECORD, SAMPLES, PROMPTS)
    assert (len(pairing.results), pairing.differences) == (3, {})
    assert pairing.notes == (
        "NeMo Evaluator's files do not record the model's weights, the benchmark's version: not compared",
    )
    lines(tmp_path / "results.jsonl", [nemo_row(n, prompt=f"Say: {QUESTIONS[n]}") for n in (2, 1, 0)])
    other = pair(find_baseline("old", tmp_path, WANTED), RECORD, SAMPLES, PROMPTS)
    assert other.differences == {Facet.PROMPT: "3 of 3 questions were asked in other words"}
    (tmp_path / "results.jsonl").write_text('{"problem_idx": "x"}\n')
    with pytest.raises(ConfigError, match=r"results.jsonl:1: is no result of NeMo Evaluator"):
        find_baseline("old", tmp_path, WANTED)


def lm_eval_row(n: int, name: str, value: float, **changes: Json) -> Mapping[str, Json]:
    row: dict[str, Json] = {
        "doc_id": n,
        "doc": {"question": QUESTIONS[n], "answer": f"So #### {n}"},
        "target": f"So #### {n}",
        "arguments": {
            "gen_args_0": {"arg_0": f"Question: {QUESTIONS[n]}\nAnswer:", "arg_1": {"until": [], "temperature": 0.0}}
        },
        "resps": [["It is so"]],
        "filtered_resps": [str(n)],
        "filter": name,
        "metrics": ["exact_match"],
        "exact_match": value,
    }
    return {**row, **changes}


def test_lm_evals_log(tmp_path: Path) -> None:
    path = tmp_path / "model" / "samples_gsm8k_2026-01-02T03-04-05.678.jsonl"
    path.parent.mkdir()
    rows = [lm_eval_row(n, "strict-match", 0.0, filtered_resps=["[invalid]"]) for n in range(3)]
    lines(path, rows + [lm_eval_row(n, "flexible-extract", 1.0) for n in range(3)])
    found = find_baseline("old", tmp_path, WANTED)
    assert [one.score for one in found.results] == [Score(value=1.0, answer=str(n)) for n in range(3)]
    assert pair(found, RECORD, SAMPLES, PROMPTS).differences == {}
    strict = find_baseline("old", tmp_path, msgspec.convert({**_fields(WANTED), "scorer": "numeric-strict"}, Wanted))
    assert [one.score for one in strict.results] == [Score(value=0.0, answer=None)] * 3
    with pytest.raises(ConfigError, match="under the filters flexible-extract, strict-match, and none of them"):
        find_baseline("old", tmp_path, msgspec.convert({**_fields(WANTED), "scorer": "exact"}, Wanted))


def test_lm_evals_chats_and_other_parameters(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTIONS[0]}]
    arguments: Json = [[[json.dumps(chat)], {"temperature": 0.7, "max_gen_toks": 5}]]
    lines(tmp_path / "samples_gsm8k.jsonl", [lm_eval_row(0, "none", 1.0, arguments=arguments)])
    found = find_baseline("old", tmp_path, WANTED)
    assert found.results[0].prompt == text_digest(f"Be brief.\0{QUESTIONS[0]}")
    assert pair(found, RECORD, SAMPLES[:1], PROMPTS).differences == {
        Facet.PROMPT: "1 of 1 questions were asked in other words",
        Facet.PARAMETERS: "temperature: 0.7 there, 0.0 here",
    }


def test_the_subtasks_of_a_group_of_lm_eval(tmp_path: Path) -> None:
    for n, subject in enumerate(("law", "health")):
        row = lm_eval_row(n, "custom-extract", 1.0, doc={"question_id": 70 + n, "question": QUESTIONS[n]}, target="A")
        lines(tmp_path / f"samples_mmlu_pro_{subject}_2026-01-02T03-04-05.678.jsonl", [row])
    wanted = msgspec.convert({**_fields(WANTED), "benchmark": "mmlu_pro", "scorer": "choice"}, Wanted)
    assert [one.sample_id for one in find_baseline("old", tmp_path, wanted).results] == ["71", "70"]
