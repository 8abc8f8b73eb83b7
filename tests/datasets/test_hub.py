"""The hub, from its cache and without a network; huggingface_hub reads the environment once, hence the processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pytest_nemo_eval.datasets import HubDataset
from pytest_nemo_eval.datasets.hub import hub_files
from pytest_nemo_eval.errors import DatasetError

COMMIT = "a" * 40
DATA = HubDataset(id="org/set", revision=COMMIT, split="test", config="main", fewshot_split="train")
SCRIPT = """
import sys
from pytest_nemo_eval.datasets.hub import HubDataset, hub_rows
from pytest_nemo_eval.errors import DatasetError
for name in ("org/set", "org/none"):
    for split in ("test", "train"):
        try:
            rows = list(hub_rows(HubDataset(id=name, revision="a" * 40, split="test", config=sys.argv[1]), split))
            print(name, split, *(row["question"] for row in rows), sep="|")
        except DatasetError as error:
            print(name, split, error, sep="|")
"""


@pytest.mark.parametrize("config", ["main", "data"])
def test_the_cache_serves_offline(tmp_path: Path, config: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("huggingface_hub")
    folder = tmp_path / "datasets--org--set" / "snapshots" / COMMIT / config
    folder.mkdir(parents=True)
    for shard in (0, 1):
        table = pyarrow.table({"question": [f"{shard}+1"]})
        parquet.write_table(table, folder / f"test-0000{shard}-of-00002.parquet")
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path)}
    argv = [sys.executable, "-c", SCRIPT, "main"]
    lines = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    assert lines[0] == "org/set|test|0+1|1+1"
    assert lines[1].startswith(
        f"org/set|train|org/set at revision {COMMIT} holds no split train (HF_HUB_OFFLINE is set)"
    )
    assert lines[2].startswith(
        "org/none|test|org/none could not be had from the Hugging Face hub (HF_HUB_OFFLINE is set)"
    )
    for line in lines[1:]:
        assert f"hf download --repo-type dataset {line.partition('|')[0]} --revision {COMMIT}" in line
        assert "dataset: {path: ...}" in line
        assert "eval_data" in line


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DatasetError, match=r"org/set.*pip install 'pytest-nemo-eval\[hf\]'.*eval_data"):
        hub_files(DATA, "test")


class FakeHub(ModuleType):
    """huggingface_hub without a network."""

    def __init__(self) -> None:
        super().__init__("huggingface_hub")
        self.asked: list[tuple[str, bool]] = []

    def snapshot_download(self, name: str, *, local_files_only: bool, **_: object) -> str:
        self.asked.append((name, local_files_only))
        raise ConnectionError("no network")


def test_the_hub_is_asked_once_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = FakeHub()
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    data = HubDataset(id="org/asked-once", revision=COMMIT, split="test")
    errors = []
    for _ in range(3):
        with pytest.raises(DatasetError, match=r"org/asked-once could not be had.*no network") as caught:
            hub_files(data, "test")
        errors.append(caught.value)
    assert hub.asked == [("org/asked-once", True), ("org/asked-once", False)]
    assert len({id(error) for error in errors}) == 3
    with pytest.raises(DatasetError):
        hub_files(data, "train")
    assert len(hub.asked) == 4
