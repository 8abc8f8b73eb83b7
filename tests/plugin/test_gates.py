"""Sessions that end GO, NO-GO, INCONCLUSIVE or without a verdict: in both forms, serial and under xdist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_nemo_eval import Client, Endpoint, EvalSettings, RunRecord, read_run
from pytest_nemo_eval.client import Pool
from pytest_nemo_eval.config.settings import DatasetSettings, TaskSettings
from pytest_nemo_eval.evaluation import RunPlace, plan
from pytest_nemo_eval.runs import ModelRecord
from tests.fake_endpoint import Reply, serving
from tests.jobs import run_job
from tests.plugin.modes import MODES
from tests.plugin.suites import right_up_to, runs, task, write_suite, write_sums

COUNT = 200
TEST = """
    def test_sums(run_benchmark):
        result = run_benchmark("sums", dataset="sums.jsonl", prompt="What is {question}?", scorer="includes")
        assert result.no_worse_than("old", max_drop=0.04)
"""


def write(pytester: pytest.Pytester, drop: str = "{max_drop: 0.04}") -> None:
    write_suite(pytester, task(more=f"      gates: {{accuracy: {drop}}}\n"))
    write_sums(pytester.path, COUNT)


def run(pytester: pytest.Pytester, right: int, *options: str) -> pytest.RunResult:
    with serving(right_up_to(right)) as fake:
        return pytester.runpytest_subprocess(f"--model-url={fake.url}", *options)


def save(pytester: pytest.Pytester, right: int, *names: str) -> None:
    """The baseline "old", as --eval-save-baseline would leave it, without a session."""
    model = ModelRecord(id="fake-model", url="", protocol="chat")
    pool = Pool()
    with serving(right_up_to(right)) as fake:
        client = Client(Endpoint(fake.url, "fake-model"), [], pool)
        for name in names or ("sums",):
            settings = TaskSettings(
                name=name,
                prompt="What is {question}?",
                scorer="includes",
                dataset=DatasetSettings(path=str(pytester.path / "sums.jsonl")),
            )
            folder = pytester.path / "eval-baselines" / "old" / name
            job = plan(f"eval_it.yaml::{name}", settings, EvalSettings())
            run_job(job, client, RunPlace(folder, model))
    pool.close()


def last_record(pytester: pytest.Pytester) -> RunRecord:
    return read_run(max(runs(pytester), key=lambda folder: folder.stat().st_mtime_ns)).record


def verdict_file(pytester: pytest.Pytester) -> dict[str, object]:
    path = max(pytester.path.glob("eval-runs/*/verdict.json"), key=lambda path: path.stat().st_mtime_ns)
    found: dict[str, object] = json.loads(path.read_text())
    return found


@MODES
@pytest.mark.parametrize(
    ("right", "code", "decision"),
    [(180, 0, "GO"), (100, 1, "NO-GO"), (172, 6, "INCONCLUSIVE")],
)
def test_a_drop_from_a_baseline(
    pytester: pytest.Pytester, mode: tuple[str, ...], right: int, code: int, decision: str
) -> None:
    """The suite file's item and the test come out alike."""
    write(pytester)
    pytester.makepyfile(TEST)
    save(pytester, 180)
    result = run(pytester, right, "--eval-baseline=old", *mode)
    assert result.ret == code, result.stdout.str()
    result.assert_outcomes(**{"passed" if code == 0 else "failed": 2})
    result.stdout.fnmatch_lines([f"verdict: {decision}*"])
    assert verdict_file(pytester)["decision"] == decision
    for folder in runs(pytester):
        found = read_run(folder).record.comparisons[0]
        assert (found.lost, found.won, found.n) == (180 - right, 0, COUNT)
        assert found.difference == pytest.approx((right - 180) / COUNT)


def test_flips_are_kept_with_both_answers(pytester: pytest.Pytester) -> None:
    write(pytester)
    save(pytester, 180)
    result = run(pytester, 100, "--eval-baseline=old")
    folder = next(path.parent for path in pytester.path.glob("eval-runs/*/*/flips.jsonl"))
    flips = [json.loads(line) for line in (folder / "flips.jsonl").read_text().splitlines()]
    assert [flip["sample_id"] for flip in flips] == [f"sum-{n}" for n in range(100, 180)]
    assert (flips[0]["change"], flips[0]["target"]) == ("lost", "200")
    assert (flips[0]["baseline_reply"], flips[0]["reply"]) == ("It is 200", "It is 201")
    result.stdout.fnmatch_lines(
        ["*lost to old (80 questions; all are in flips.jsonl):", "*wanted '200', had '200', has *"]
    )


@MODES
def test_what_broke_is_no_verdict(pytester: pytest.Pytester, mode: tuple[str, ...]) -> None:
    write(pytester, drop="{min: 0.5}")
    (pytester.path / "eval_more.yaml").write_text(
        f"evaluation:\n  tasks:\n{task('broken', gate=0.5, more='      params: {max_retries: 0}')}".replace(
            "What is", "Fail at"
        )
    )
    with serving(lambda question: Reply(status=500) if "Fail" in question else right_up_to(150)(question)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", *mode)
    assert result.ret == 7
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["verdict: NO VERDICT on the model", "*eval_more.yaml::broken: *HTTP 500*"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("params: {temperature: 0.7}", "parameters: temperature: 0.0 there, 0.7 here"),
        ("params: {limit_samples: 50}", "data: 200 questions there, 50 here, 50 in both"),
        ("prompt: 'Say what {question} is'", "prompt: 200 of 200 questions were asked in other words"),
        ("scorer: numeric", "benchmark: scorer: includes there, numeric here"),
    ],
)
def test_runs_that_differ_are_not_compared(pytester: pytest.Pytester, change: str, words: str) -> None:
    write(pytester)
    save(pytester, 180)
    suite = pytester.path / "eval_it.yaml"
    key = change.partition(":")[0]
    lines = [line for line in suite.read_text().splitlines() if not line.strip().startswith(f"{key}:")]
    suite.write_text("\n".join([*lines, f"      {change}"]) + "\n")
    asked = run(pytester, 180, "--eval-baseline=old")
    assert asked.ret == 7
    asked.stdout.fnmatch_lines([f"*{words}*tolerate: [[]{words.partition(':')[0]}[]]*"])
    if "limit_samples" in change:
        suite.write_text(suite.read_text().replace("{max_drop: 0.04}", "{max_drop: 0.2, tolerate: [data]}"))
        assert run(pytester, 180, "--eval-baseline=old").ret == 0


def test_an_interceptor_is_a_difference(pytester: pytest.Pytester) -> None:
    write(pytester)
    save(pytester, 180)
    pytester.makeconftest(
        """
        import pytest

        async def shout(request, call_next):
            return await call_next(request)

        @pytest.fixture
        def interceptors():
            return [shout]
        """
    )
    result = run(pytester, 180, "--eval-baseline=old")
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*prompt: interceptors: none there, conftest.shout here*"])


def test_a_baseline_that_no_gate_asks_for_is_compared_with_all_the_same(pytester: pytest.Pytester) -> None:
    write(pytester, drop="{min: 0.5}")
    save(pytester, 180)
    result = run(pytester, 120, "--eval-baseline=old")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*accuracy 0.6000 is 0.3000 below old's 0.9000*60 lost, 0 won*"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "*max_drop needs a baseline: give --eval-baseline*"),
        (["--eval-baseline=nosuch"], "*there is no baseline nosuch: neither a folder *"),
    ],
)
def test_a_baseline_that_is_not_there_is_a_collection_error(
    pytester: pytest.Pytester, options: list[str], words: str
) -> None:
    write(pytester)
    result = run(pytester, 1, *options)
    assert result.ret == 2
    result.stdout.fnmatch_lines([f"*eval_it.yaml:7{words}" if options else words])


NEMO_POLICY = """
version: 1
defaults: {tier: supporting, metric: mean_reward, direction: higher_is_better, max_drop: 0.015}
benchmarks:
  sums: {tier: critical, max_drop: 0.04, max_relative_drop: 0.06, relative_guard_below: 0.2}
  watched: {tier: advisory}
"""


def test_a_policy_of_nemo_evaluator(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(), task("watched"), task("other"))
    write_sums(pytester.path, COUNT)
    (pytester.path / "policy.yaml").write_text(NEMO_POLICY)
    save(pytester, 180, "sums", "watched", "other")
    options = ("--eval-baseline=old", "--eval-policy=policy.yaml")
    good = run(pytester, 190, *options)
    assert good.ret == 0
    good.stdout.fnmatch_lines(["verdict: GO*"])
    bad = run(pytester, 100, *options)
    assert bad.ret == 1
    bad.assert_outcomes(failed=2, passed=1)
    bad.stdout.fnmatch_lines(["verdict: NO-GO*", "*::sums (critical): missed accuracy drops from old by at most 0.04*"])
    missing = run(pytester, 190, *options, "-k", "other")
    assert missing.ret == 7
    missing.stdout.fnmatch_lines(["verdict: NO VERDICT*", "*sums is required by *policy.yaml and was not evaluated"])


def test_a_policy_with_a_typo(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    (pytester.path / "policy.yaml").write_text("version: 1\nbenchmarks:\n  sums: {max_dorp: 0.1}\n")
    result = run(pytester, 1, "--eval-policy=policy.yaml")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*policy.yaml:3: unknown key benchmarks.sums.max_dorp; did you mean max_drop?*"])


@MODES
@pytest.mark.parametrize(("floor", "code"), [(0.7, 0), (0.9, 1)])
def test_a_composite(pytester: pytest.Pytester, mode: tuple[str, ...], floor: float, code: int) -> None:
    path = write_suite(pytester, task(), task("again"))
    path.write_text(path.read_text() + f"  composites:\n    both: {{weights: {{sums: 3, again: 1}}, min: {floor}}}\n")
    result = run(pytester, 8, *mode)
    assert result.ret == code
    result.stdout.re_match_lines([r"both +- .* both >= 0\.\d +(pass|fail)", r" +both is 0\.8000 .*"])
    if not mode:
        left_out = run(pytester, 8, "-k", "again")
        assert left_out.ret == 0
        left_out.stdout.fnmatch_lines(["*not judged: sums was not selected"])


def test_a_broken_set_up_is_no_verdict(pytester: pytest.Pytester) -> None:
    write_suite(
        pytester, task(gate=0.5), task("lenient", gate=0.0, more="      validity: {identical_reply_rate: false}\n")
    )
    write_sums(pytester.path, 40)
    pytester.makepyfile(TEST.replace('result.no_worse_than("old", max_drop=0.04)', "result.accuracy <= 0.5"))
    with serving(lambda _: "I am a teapot") as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "--junitxml=j.xml")
    assert result.ret == 7
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(
        ["*BrokenSetupError: *says nothing of the model*", "*100% of the replies were one and the same*"]
    )


def test_reruns_are_refused(pytester: pytest.Pytester) -> None:
    write(pytester, drop="{min: 0.5}")
    result = run(pytester, 180, "--reruns=2")
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*reruns of an evaluation are refused*"])


def test_a_model_beside_itself(pytester: pytest.Pytester) -> None:
    """Every second run of a question above 150 is wrong: the noise is measured, kept with the baseline, and used."""
    write(pytester, drop="{max_drop: 0.04}")
    seen: dict[str, int] = {}

    def answer(question: str) -> Reply | str:
        seen[question] = seen.get(question, 0) + 1
        n = int(question.split()[-1].partition("+")[0])
        return right_up_to(COUNT if n < 150 or seen[question] % 2 else 0)(question)

    suite = pytester.path / "eval_it.yaml"
    text = suite.read_text()
    suite.write_text(text.replace("      gates: {accuracy: {max_drop: 0.04}}\n", ""))
    with serving(answer) as fake:
        first = pytester.runpytest_subprocess(f"--model-url={fake.url}", "--eval-aa", "--eval-save-baseline=old")
    first.stdout.fnmatch_lines(["*a second run changed 50 of 200 questions and the score by -0.2500*"])
    saved = read_run(next((pytester.path / "eval-baselines" / "old").iterdir())).record
    assert saved.rerun is not None
    assert (saved.rerun.flips, saved.rerun.shift) == (50, -0.25)
    suite.write_text(text)
    result = run(pytester, 150, "--eval-baseline=old")
    assert result.ret == 6, "a drop of 0.25 is what this model does by itself"
    (found,) = last_record(pytester).comparisons
    assert found.rerun == saved.rerun
    assert found.ci_upper > 0


def test_the_verdict_in_the_report(pytester: pytest.Pytester) -> None:
    write(pytester, drop="{min: 0.99}")
    run(pytester, 100, "--html=report.html", "--self-contained-html")
    assert "verdict: NO-GO: a gate was missed" in (pytester.path / "report.html").read_text()


def test_baselines_of_others(pytester: pytest.Pytester) -> None:
    """NeMo Evaluator's bundle and lm-eval's log of the same questions give the same comparison."""
    write(pytester)
    questions = [f"What is {n}+{n}?" for n in range(COUNT)]
    nemo, lm_eval = pytester.mkdir("nemo"), pytester.mkdir("lm")
    bundle = {
        "run_id": "eval-x",
        "benchmark": {"name": "sums", "samples": COUNT, "scores": {}},
        "config": {"model": "m"},
    }
    (nemo / "eval-x-sums.json").write_text(json.dumps(bundle))
    _lines(
        nemo / "results.jsonl",
        [
            {
                "problem_idx": n,
                "repeat": 0,
                "reward": float(n < 180),
                "prompt": text,
                "model_response": "It is so",
                "extracted_answer": str(2 * n),
                "expected_answer": str(2 * n),
                "metadata": {},
            }
            for n, text in enumerate(questions)
        ],
    )
    _lines(
        lm_eval / "samples_sums_2026-01-01T00-00-00.000.jsonl",
        [
            {
                "doc_id": n,
                "doc": {"question": text},
                "target": str(2 * n),
                "filter": "none",
                "metrics": ["exact_match"],
                "arguments": {"gen_args_0": {"arg_0": text, "arg_1": {"until": [], "temperature": 0.0}}},
                "resps": [["It is so"]],
                "filtered_resps": [str(2 * n)],
                "exact_match": float(n < 180),
            }
            for n, text in enumerate(questions)
        ],
    )
    for folder in (nemo, lm_eval):
        result = run(pytester, 100, f"--eval-baseline={folder}")
        assert result.ret == 1, result.stdout.str()
        (found,) = last_record(pytester).comparisons
        assert (found.lost, found.won, found.n, found.unpaired) == (80, 0, COUNT, 0)
        assert any("do not record" in note for note in found.notes)


def _lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
