"""Example suites are collected as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_nemo_eval.datasets.files import read_rows
from tests.fake_endpoint import serving
from tests.shared_data import text

EXAMPLES = Path(__file__).resolve().parents[2] / "example_suites"
QUICKSTART = EXAMPLES / "quickstart" / "data"
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


@pytest.mark.once
def test_the_release_gate(pytester: pytest.Pytester) -> None:
    """Both commands of its README: a model beside itself is GO, and beside a better one NO-GO."""
    folder = EXAMPLES / "release_gate"
    assert items(pytester, folder) == ["capitals", "opposites"]
    rows = [row for name in ("capitals", "opposites") for row in read_rows(QUICKSTART / f"{name}.jsonl")]
    answers = {text(row["question"]): text(row["answer"]).partition("|")[0] for row in rows}

    def right(question: str) -> str:
        return f"It is {next(answer for asked, answer in answers.items() if question.startswith(asked))}."

    places = (f"--eval-output={pytester.path / 'runs'}", "-o", f"eval_baselines={pytester.path / 'saved'}")
    later = ("--eval-baseline=last", f"--eval-policy={folder / 'policy.yaml'}")
    with serving(right) as good, serving(lambda question: f"Why {len(question)}?") as bad:
        first = pytester.runpytest_subprocess(
            f"--model-url={good.url}", str(folder), "--eval-save-baseline=last", *places
        )
        same = pytester.runpytest_subprocess(f"--model-url={good.url}", str(folder), *later, *places)
        worse = pytester.runpytest_subprocess(f"--model-url={bad.url}", str(folder), *later, *places)
    assert (first.ret, same.ret, worse.ret) == (0, 0, 1)
    same.stdout.fnmatch_lines(["verdict: GO*"])
    worse.stdout.fnmatch_lines(["verdict: NO-GO*", "*capitals (critical): missed *"])
