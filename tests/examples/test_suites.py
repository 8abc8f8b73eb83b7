"""Example suites are collected as they stand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pytest_nemo_eval import read_run
from pytest_nemo_eval.datasets.files import read_rows
from tests.fake_endpoint import serving
from tests.shared_data import text

EXAMPLES = Path(__file__).resolve().parents[2] / "example_suites"
QUICKSTART = EXAMPLES / "quickstart" / "data"
PAGE = sorted((EXAMPLES / "deployment_page").glob("*.yaml"))
ITEMS = {
    "slurm_with_deployment.yaml": ["mmlu_pro"],
    "lepton_with_deployment.yaml": ["mmlu_pro", "gsm8k", "humaneval"],
    "reasoning_cleanup.yaml": ["gsm8k:nemo-evaluator"],
    "custom_system_prompt.yaml": ["gsm8k:nemo-evaluator"],
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
    assert len(PAGE) == 8
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


ADAPTER = "target.api_endpoint.adapter_config"


def score(pytester: pytest.Pytester, recipe: str, url: str, *more: str) -> float:
    """Of two sums, asked as a recipe says."""
    data = pytester.path / "data" / "gsm8k"
    data.mkdir(parents=True, exist_ok=True)
    rows = [{"id": str(n), "question": f"{n}+{n}?", "answer": f"#### {2 * n}"} for n in (1, 2)]
    (data / "test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    output = pytester.path / f"runs-{len(list(pytester.path.iterdir()))}"
    options = ("-o", f"eval_data={data.parent}", "-o", f"target.api_endpoint.url={url}", f"--eval-output={output}")
    result = pytester.runpytest_subprocess(str(EXAMPLES / "deployment_page" / recipe), *options, *more)
    assert result.ret == 0, result.stdout.str()
    (record,) = output.glob("*/*/eval-*.json")
    return read_run(record.parent).record.benchmark.scores["accuracy"].value


def thinking(question: str) -> str:
    """Right in the end, after a thought in the very form that the scorer looks for."""
    number = re.findall(r"(\d)\+", question)[-1]
    return f"<think>The answer is {number}? No, twice that.</think>\nThe answer is {2 * int(number)}"


def test_the_recipe_reasoning_cleanup_changes_the_score(pytester: pytest.Pytester) -> None:
    with serving(thinking) as fake:
        with_it = score(pytester, "reasoning_cleanup.yaml", fake.url)
        without = score(pytester, "reasoning_cleanup.yaml", fake.url, "-o", f"{ADAPTER}.process_reasoning_traces=false")
    assert (with_it, without) == (1.0, 0.0)


def test_the_recipe_custom_system_prompt_changes_the_requests_and_the_score(pytester: pytest.Pytester) -> None:
    def answer(question: str) -> str:
        told = any(message["role"] == "system" for message in fake.requests[-1]["messages"])
        return thinking(question).partition("</think>")[2] if told else "Who knows?"

    one_by_one = ("--eval-concurrency", "1")
    with serving(answer) as fake:
        with_it = score(pytester, "custom_system_prompt.yaml", fake.url, *one_by_one)
        first = [message["content"] for message in fake.requests[0]["messages"] if message["role"] == "system"]
        off = (f"{ADAPTER}.use_system_prompt=false", f"{ADAPTER}.custom_system_prompt=null")
        without = score(pytester, "custom_system_prompt.yaml", fake.url, *one_by_one, "-o", off[0], "-o", off[1])
    assert first == ["You are a careful mathematician. Think step by step, and keep to the form that is asked for."]
    assert (with_it, without) == (1.0, 0.0)


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
