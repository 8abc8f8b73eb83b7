"""Example suites are collected as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "example_suites"
PAGE = sorted((EXAMPLES / "deployment_page").glob("*.yaml"))
ITEMS = {
    "slurm_with_deployment.yaml": ["mmlu_pro"],
    "lepton_with_deployment.yaml": ["mmlu_pro", "gsm8k", "humaneval"],
}


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_API_KEY", "of-a-test")
    monkeypatch.setenv("OPENAI_API_KEY", "of-a-test")


def items(pytester: pytest.Pytester, *paths: Path) -> list[str]:
    result = pytester.runpytest_subprocess("--co", "-q", *map(str, paths))
    assert result.ret == 0, result.stdout.str()
    return [line.rpartition("::")[2] for line in result.outlines if "::" in line]


def test_the_pages_files(pytester: pytest.Pytester) -> None:
    assert len(PAGE) == 6
    expected = [name for path in PAGE for name in ITEMS.get(path.name, ["mmlu_pro", "gsm8k"])]
    assert items(pytester, *PAGE) == expected


@pytest.mark.parametrize("word", ["slurm", "lepton"])
def test_what_this_version_cannot_run_says_so(pytester: pytest.Pytester, word: str) -> None:
    data = pytester.path / "data" / "mmlu_pro"
    data.mkdir(parents=True)
    row = '{"question_id": 1, "question": "?", "options": ["a", "b"], "answer": "A", "category": "law"}\n'
    (data / "test.jsonl").write_text(row)
    path = EXAMPLES / "deployment_page" / f"{word}_with_deployment.yaml"
    result = pytester.runpytest_subprocess(
        f"{path}::mmlu_pro", "-o", f"eval_data={data.parent}", f"--eval-output={pytester.path / 'runs'}"
    )
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*not available in this version*"])


def test_the_quickstart(pytester: pytest.Pytester) -> None:
    assert items(pytester, EXAMPLES / "quickstart") == ["capitals", "opposites", "test_plurals"]
