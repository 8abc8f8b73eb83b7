from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import msgspec
import pytest

from pytest_nemo_eval.errors import EvalError
from pytest_nemo_eval.runs import ModelRecord, RunRecord, RunStatus, RunWriter, read_run
from pytest_nemo_eval.runs.provenance import commit_of, environment, has_chat_template, weights_fingerprint
from pytest_nemo_eval.runs.record import BenchmarkRecord
from pytest_nemo_eval.scores import SampleResult, Score

RECORD = RunRecord(
    status=RunStatus.RUNNING,
    item="eval_it.yaml::gsm8k",
    started="2026-11-23T12:00:00+00:00",
    benchmark=BenchmarkRecord(
        name="gsm8k",
        variant="lm-eval",
        version="1",
        samples=2,
        repeats=1,
        num_fewshot=0,
        reference_fewshot=5,
        scorer="numeric",
        parameters={"temperature": 0},
        data="test.jsonl",
        data_fingerprint="d",
        prompt_fingerprint="p",
    ),
    model=ModelRecord(id="m", url="http://127.0.0.1/v1", protocol="chat"),
)
RESULT = SampleResult(sample_id="0", input="?", target="1", reply="1", score=Score(value=1, answer="1"))


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", RECORD, 10)
    writer.append(RESULT, 0)
    finished = msgspec.structs.replace(RECORD, status=RunStatus.FINISHED)
    path = writer.write_record(finished)
    writer.close()
    writer.close()
    run = read_run(tmp_path / "run")
    assert (run.record, run.results) == (finished, (RESULT,))
    assert path.name == "eval-gsm8k.json"
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [
        "eval-gsm8k.json",
        "journal.jsonl",
        "results.jsonl",
    ]


def test_samples_are_on_disk_before_anything_is_closed(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", RECORD, 10)
    writer.append(RESULT, 0)
    assert read_run(tmp_path / "run").results == (RESULT,)
    writer.close()


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", RECORD, 10)
    writer.append(RESULT, 0)
    writer.close()
    with (tmp_path / "run" / "results.jsonl").open("ab") as file:
        file.write(b'{"sample_id": "1", "rep')
    assert read_run(tmp_path / "run").results == (RESULT,)


def test_half_a_surrogate_pair_in_a_reply(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", RECORD, 10)
    writer.append(msgspec.structs.replace(RESULT, reply="a\ud800b"), 0)
    writer.close()
    assert read_run(tmp_path / "run").results[0].reply == "a?b"


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="is not a Run"):
        read_run(tmp_path)
    (tmp_path / "eval-x.json").write_text(json.dumps({"schema_version": 99}))
    with pytest.raises(EvalError, match="schema version 99"):
        read_run(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EvalError, match="--eval-output"):
        RunWriter(tmp_path / "file" / "run", RECORD, 10)


def test_weights_fingerprint_sees_what_matters(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0\0\0")
    (tmp_path / "config.json").write_text("{}")
    first = weights_fingerprint(str(tmp_path))
    assert first == weights_fingerprint(str(tmp_path)) != ""
    (tmp_path / "config.json").write_text("[]")
    second = weights_fingerprint(str(tmp_path))
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert len({first, second, weights_fingerprint(str(tmp_path))}) == 3


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache: two snapshots of org/model, made of links to blobs; main is the second."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    repository = tmp_path / "hub" / "models--org--model"
    for commit in ("a" * 40, "b" * 40):
        snapshot = repository / "snapshots" / commit
        snapshot.mkdir(parents=True)
        for name in ("config.json", "model.bin"):
            blob = repository / f"blob-{commit[0]}-{name}"
            blob.write_bytes(b"{}" if name == "config.json" else commit[0].encode() * ord(commit[0]))
            (snapshot / name).symlink_to(blob)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("b" * 40)
    return repository


def test_weights_out_of_the_hubs_cache(hub_cache: Path, tmp_path: Path) -> None:
    snapshot = hub_cache / "snapshots" / ("b" * 40)
    first = weights_fingerprint("org/model")
    assert first == weights_fingerprint(str(snapshot)) == weights_fingerprint("org/model", "b" * 40) != ""
    assert weights_fingerprint("org/model", "a" * 40) not in ("", first)
    copy = tmp_path / "copy"
    shutil.copytree(snapshot, copy)
    (copy / ".cache" / "huggingface").mkdir(parents=True)
    (copy / ".cache" / "huggingface" / "model.bin.metadata").write_text("when it was fetched")
    assert weights_fingerprint(str(copy)) == first
    (hub_cache / "blob-b-model.bin").write_bytes(b"b")
    assert weights_fingerprint("org/model") != first
    for name in ("org/other", "no id", "/no/folder", "a--b/c"):
        assert weights_fingerprint(name) == ""


def test_without_the_hubs_library(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert weights_fingerprint("org/model") == ""
    assert has_chat_template("org/model") is None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"tokenizer_config.json": "{}"}, False),
        ({"tokenizer_config.json": '{"chat_template": null}'}, False),
        ({"tokenizer_config.json": '{"chat_template": "{{ messages }}"}'}, True),
        ({"tokenizer_config.json": '{"chat_template": [{"name": "default", "template": "x"}]}'}, True),
        ({"tokenizer_config.json": "{}", "chat_template.jinja": ""}, True),
        ({"tokenizer_config.json": "{}", "chat_template.json": "{}"}, True),
        ({"tokenizer_config.json": "{"}, None),
        ({"tokenizer_config.json": "[]"}, None),
    ],
)
def test_whether_there_is_a_chat_template(hub_cache: Path, files: dict[str, str], expected: bool | None) -> None:
    snapshot = hub_cache / "snapshots" / ("b" * 40)
    for name, content in files.items():
        (snapshot / name).write_text(content)
    assert has_chat_template(str(snapshot)) is expected
    assert has_chat_template("org/model") is expected
    assert has_chat_template("org/other") is None


def test_provenance_outside_of_git_and_without_a_folder(tmp_path: Path) -> None:
    assert weights_fingerprint(str(tmp_path / "nothing")) == ""
    assert commit_of(tmp_path) == ""
    assert {"pytest", "pyyaml"} <= set(environment())
