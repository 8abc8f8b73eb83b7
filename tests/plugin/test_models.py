"""Several models in one session: one item each, and one of them as the baseline of the others."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pytest_nemo_eval.runs.reader import read_record
from tests.fake_endpoint import FakeEndpoint, serving
from tests.plugin.modes import MODES
from tests.plugin.suites import right_up_to, runs, task, write_suite, write_sums
from tests.servers import write_vllm

COUNT = 200
DROP = "      gates: {accuracy: {max_drop: 0.04}}\n"
MATRIX = "      matrix: {temperature: [0, 1]}\n"


@contextmanager
def endpoints(*right: int) -> Iterator[list[FakeEndpoint]]:
    """One for each count of sums that its model gets right."""
    with ExitStack() as stack:
        yield [stack.enter_context(serving(right_up_to(count))) for count in right]


def label(fake: FakeEndpoint) -> str:
    return f"127.0.0.1-{fake.url.rpartition(':')[2].partition('/')[0]}"


def outcomes(result: pytest.RunResult) -> dict[str, str]:
    """Item to word; of serial sessions and of workers."""
    found = {}
    for line in result.outlines:
        match = re.match(r"(?:\[gw\d\] \[ *\d+%\] )?(\w+ )?(\S+::\S+)( \w+)?", line)
        if match and (match[1] or match[3]):
            found[match[2].rpartition("::")[2]] = (match[1] or match[3]).strip()
    return found


@MODES
def test_urls(pytester: pytest.Pytester, mode: tuple[str, ...]) -> None:
    write_suite(pytester, task(gate=0.5), task("kinds", gate=0.5, more=MATRIX))
    with endpoints(10, 3) as (good, bad):
        result = pytester.runpytest_subprocess(f"--model-url={good.url}", f"--model-url={bad.url}", "-v", *mode)
        assert outcomes(result) == {
            f"{name}@{label(model)}]": word
            for model, word in ((good, "PASSED"), (bad, "FAILED"))
            for name in ("sums[", "kinds[0-", "kinds[1-")
        }
        assert {request["model"] for fake in (good, bad) for request in fake.requests} == {"fake-model"}
        assert len(good.requests) == len(bad.requests) == 30
    assert result.ret == 1
    result.stdout.re_match_lines_random(
        [rf"sums \[{label(good)}\] +1\.0000 .* pass", rf"sums \[{label(bad)}\] +0\.3000 .* fail"]
    )


def test_several_ids_of_one_url(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    with serving(right_up_to(10)) as fake:
        options = (f"--model-url={fake.url}", "--model-id=org/small", "--model-id=org/large", "-v")
        result = pytester.runpytest_subprocess(*options)
        assert outcomes(result) == {"sums[@small]": "MEASURED", "sums[@large]": "MEASURED"}
        assert [request["model"] for request in fake.requests] == ["org/small"] * 10 + ["org/large"] * 10


def test_tests_in_python_and_what_they_see(pytester: pytest.Pytester) -> None:
    write_sums(pytester.path)
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("limit", [3, 4])
        def test_it(run_benchmark, eval_model, limit):
            result = run_benchmark("sums", dataset="sums.jsonl", prompt="{question}", scorer="includes", limit=limit)
            print("the model", eval_model.label, result.model)
            assert result.n == limit

        def test_other():
            pass
    """)
    with serving(right_up_to(10)) as fake:
        options = (f"--model-url={fake.url}", "--model-id=a", "--model-id=b", "-v", "-s")
        result = pytester.runpytest_subprocess(*options)
    result.assert_outcomes(passed=5)
    text = result.stdout.str()
    assert re.findall(r"the model (\w) (\w)", text) == [("a", "a")] * 2 + [("b", "b")] * 2
    assert "test_it[3-@a]" in text


@MODES
def test_paths_are_deployed_once_each(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PATH", f"{write_vllm(pytester.path / 'bin')}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TEST_SERVER_STARTS", str(pytester.path / "starts"))
    for name in ("red", "blue"):
        (pytester.path / name).mkdir()
    head = "deployment: {type: vllm, model_path: [red, blue], exclusive: true}\n"
    write_suite(pytester, task(), task("again"), head=head)
    result = pytester.runpytest_subprocess("-v", *mode)
    names = {f"{name}[@{model}]" for name in ("sums", "again") for model in ("red", "blue")}
    assert outcomes(result) == dict.fromkeys(names, "MEASURED")
    assert len((pytester.path / "starts").read_text().split()) == 2
    found = {
        (read_record(run).item.rpartition("::")[2], Path(read_record(run).model.path).name) for run in runs(pytester)
    }
    assert found == {(name, name[name.index("@") + 1 : -1]) for name in names}
    one = pytester.runpytest_subprocess("-v", "--model-path=red")
    assert outcomes(one) == {"sums": "MEASURED", "again": "MEASURED"}


@MODES
@pytest.mark.parametrize(("right", "code"), [(180, 0), (140, 1)])
def test_a_baseline_model(pytester: pytest.Pytester, mode: tuple[str, ...], right: int, code: int) -> None:
    more = "      gates: {accuracy: {max_drop: 0.04, min: 0.6}}\n"
    write_suite(pytester, task(more=more), task("kinds", more=more + MATRIX))
    write_sums(pytester.path, COUNT)
    pytester.makepyfile("""
        def test_sums(run_benchmark):
            result = run_benchmark("sums", dataset="sums.jsonl", prompt="What is {question}?", scorer="includes")
            assert result.no_worse_than(max_drop=0.04)
            assert result.accuracy >= 0.6
    """)
    with endpoints(right, 180) as (candidate, baseline):
        options = (f"--model-url={candidate.url}", f"--baseline-model-url={baseline.url}", "-v", *mode)
        result = pytester.runpytest_subprocess(*options)
    names = ("sums[", "kinds[0-", "kinds[1-", "test_sums[")
    assert outcomes(result) == {
        **{f"{name}@baseline]": "MEASURED" for name in names},
        **{f"{name}@{label(candidate)}]": "FAILED" if code else "PASSED" for name in names},
    }
    assert result.ret == code
    verdict = json.loads(next(pytester.path.glob("eval-runs/*/verdict.json")).read_text())
    assert verdict["decision"] == ("NO-GO" if code else "GO")


def test_a_weak_baseline_fails_nothing(pytester: pytest.Pytester) -> None:
    """What is asked of the candidate is not asked of the baseline."""
    write_suite(pytester, task(more="      gates: {accuracy: {max_drop: 0.04, min: 0.6}}\n"))
    write_sums(pytester.path, COUNT)
    pytester.makepyfile("""
        def test_sums(run_benchmark):
            result = run_benchmark("sums", dataset="sums.jsonl", prompt="What is {question}?", scorer="includes")
            assert result.accuracy >= 0.6
    """)
    with endpoints(150, 50) as (candidate, baseline):
        options = (f"--model-url={candidate.url}", f"--baseline-model-url={baseline.url}", "-v", "-rA")
        result = pytester.runpytest_subprocess(*options)
    assert result.ret == 0
    assert outcomes(result)["sums[@baseline]"] == outcomes(result)["test_sums[@baseline]"] == "MEASURED"
    result.stdout.fnmatch_lines(["*the baseline model is measured and not judged*", "verdict: GO*"])


def test_a_files_own_model_is_the_candidate(pytester: pytest.Pytester) -> None:
    with endpoints(150, 180) as (candidate, baseline):
        write_suite(pytester, task(more=DROP), head=f"target: {{api_endpoint: {{url: '{candidate.url}'}}}}\n")
        write_sums(pytester.path, COUNT)
        result = pytester.runpytest_subprocess(f"--baseline-model-url={baseline.url}", "-v")
        assert outcomes(result) == {"sums[@baseline]": "MEASURED", "sums[@candidate]": "FAILED"}
        assert len(candidate.requests) == len(baseline.requests) == COUNT


def test_without_its_baseline_a_benchmark_has_no_verdict(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(more=DROP))
    with endpoints(10, 10) as (candidate, baseline):
        options = (f"--model-url={candidate.url}", f"--baseline-model-url={baseline.url}")
        result = pytester.runpytest_subprocess(*options, "-k", "not baseline")
        assert result.ret == 7
        result.stdout.fnmatch_lines(["*the baseline model was not measured on sums: *"])
        assert candidate.requests == []


def test_policies_and_composites_judge_each_model(pytester: pytest.Pytester) -> None:
    path = write_suite(pytester, task(), task("again"))
    path.write_text(path.read_text() + "  composites:\n    both: {weights: {sums: 3, again: 1}, min: 0.5}\n")
    (pytester.path / "policy.yaml").write_text("benchmarks:\n  sums: {min: 0.5}\n")
    with endpoints(8, 3) as (good, bad):
        options = (f"--model-url={good.url}", f"--model-url={bad.url}", "--eval-policy=policy.yaml")
        result = pytester.runpytest_subprocess(*options)
    assert result.ret == 1
    result.stdout.re_match_lines_random(
        [
            rf"both \[{label(good)}\] .* pass",
            rf"both \[{label(bad)}\] .* fail",
            rf"sums \[{label(bad)}\] .* fail",
        ]
    )


def test_what_is_required_is_so_of_each_model(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(), task("again"))
    (pytester.path / "policy.yaml").write_text("benchmarks:\n  sums: {min: 0.1}\n")
    with endpoints(8, 3) as (first, second):
        options = (f"--model-url={first.url}", f"--model-url={second.url}", "--eval-policy=policy.yaml")
        result = pytester.runpytest_subprocess(*options, "--deselect", f"eval_it.yaml::sums[@{label(second)}]")
    assert result.ret == 7
    result.stdout.fnmatch_lines([f"    sums of {label(second)} is required by *policy.yaml and was not evaluated"])


def test_the_next_run_resumes_each(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    with endpoints(10, 10) as (first, second):
        options = (f"--model-url={first.url}", f"--model-url={second.url}")
        pytester.runpytest_subprocess(*options)
        again = pytester.runpytest_subprocess(*options, "--eval-reuse")
        assert again.ret == 0
        assert len(first.requests) == len(second.requests) == 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model-path=a", "--model-url=http://x/v1"), "give one of them"),
        (("--model-path=a", "--model-path=a"), "the model a is given twice"),
        (("--model-path=a", "--model-path=b", "--model-id=c"), "leave --model-id out"),
        (
            ("--model-url=http://x", "--model-url=http://y", *tuple(f"--model-id={i}" for i in "abc")),
            "2 URLs and 3 mod",
        ),
        (("--model-path=a", "--baseline-model-path=b", "--baseline-model-url=http://x"), "two baselines"),
        (("--model-path=a", "--baseline-model-path=b", "--eval-baseline=old"), "give one of them"),
        (("--model-url=http://x", "--baseline-model-url=http://y", "--api-key-env=K"), "would be sent to x and y"),
        (("--model-url=http://x", "--model-url=http://y", "--eval-save-baseline=b"), "saves the Runs of one model"),
        (("--eval-set", "deployment.model_path=[a, b]"), "a list of models stands in a suite file"),
        (
            ("--model-url=http://x", "--baseline-model-url=http://y", "--max-model-len=9"),
            "--max-model-len is for mod",
        ),
    ],
)
def test_what_cannot_be(pytester: pytest.Pytester, options: tuple[str, ...], words: str) -> None:
    result = pytester.runpytest_subprocess(*options)
    assert result.ret == 4
    assert words in result.stderr.str()


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (
            "deployment: {model_path: []}",
            "eval_it.yaml:1: deployment.model_path: a list of models holds names or paths",
        ),
        ("deployment:\n  model_path: [a, 3]", "eval_it.yaml:2: deployment.model_path: a list of models holds"),
        ("deployment: {model_path: [a, a]}", "eval_it.yaml:1: the model a is given twice"),
        (
            "deployment: {model_path: a}\ntarget: {api_endpoint: {model_id: [x, y]}}",
            "eval_it.yaml:2: a deployment serves one model",
        ),
        (
            "target: {api_endpoint: {url: ['http://x', 'http://y'], api_key: '${HOME}'}}",
            "the key in HOME would be sent to x and y",
        ),
    ],
)
def test_lists_that_are_none(pytester: pytest.Pytester, head: str, words: str) -> None:
    write_suite(pytester, task(), head=head + "\n")
    result = pytester.runpytest_subprocess()
    assert result.ret == 2
    assert words in result.stdout.str()
