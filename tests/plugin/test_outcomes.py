"""Sessions against a fake endpoint: what comes out as what, serial and under xdist."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest

from pytest_nemo_eval import read_run
from tests.fake_endpoint import Reply, serving
from tests.plugin.modes import EVERY_MODE, MODES
from tests.plugin.suites import right_up_to, runs, task, write_suite, write_sums


def test_a_gate_that_is_met(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(gate=0.5))
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    assert result.ret == 0
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r"sums +0\.7000 +0\.\d+ to 0\.\d+ +10 +accuracy >= 0\.5 +pass"])
    (folder,) = runs(pytester)
    run = read_run(folder)
    assert run.record.benchmark.scores["accuracy"].value == 0.7
    assert run.record.model.id == "fake-model"
    assert len(run.results) == 10


@EVERY_MODE
def test_a_gate_that_is_missed_explains_itself(pytester: pytest.Pytester, mode: tuple[str, ...]) -> None:
    write_suite(pytester, task(gate=0.9))
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", *mode)
    assert result.ret == 1
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    for words in (
        "accuracy is 0.7000",
        "95 % interval",
        "n = 10",
        "accuracy >= 0.9",
        "[sum-7]",
        "wanted '14'",
        "Run: ",
    ):
        assert words in text
    assert "Traceback" not in text


@MODES
def test_a_plain_assert_explains_itself(pytester: pytest.Pytester, mode: tuple[str, ...]) -> None:
    write_sums(pytester.path)
    pytester.makepyfile(
        """
        def test_sums(run_benchmark):
            result = run_benchmark("sums", dataset="sums.jsonl", prompt="What is {question}?", scorer="includes")
            assert result.accuracy >= 0.9
        """
    )
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", *mode)
    assert result.ret == 1
    for words in ("0.7000 >= 0.9", "95 % interval", "n = 10", "lowest scored samples", "[sum-9]", "Run: "):
        assert words in result.stdout.str()
    result.stdout.re_match_lines([r"sums +0\.7000 .* accuracy >= 0\.9 +fail"])


@MODES
def test_a_broken_endpoint_is_an_error_not_a_failure(pytester: pytest.Pytester, mode: tuple[str, ...]) -> None:
    write_suite(pytester, task(gate=0.5, more="      params: {max_retries: 0}\n"))
    with serving(lambda _: Reply(status=500)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "--junitxml=j.xml", *mode)
    assert result.ret == 7
    result.assert_outcomes(errors=1)
    suite = ElementTree.parse(pytester.path / "j.xml").getroot()[0]
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert "HTTP 500" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


@MODES
def test_a_key_that_is_refused_ends_the_benchmark_in_the_servers_words(
    pytester: pytest.Pytester, mode: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    write_suite(pytester, task(gate=0.5))
    refusal = Reply(status=401, content=b'{"error": {"message": "Incorrect key sk-very-secret"}}')
    with serving(lambda _: refusal) as fake:
        result = pytester.runpytest_subprocess(
            f"--model-url={fake.url}", "--api-key-env=MY_KEY", "-l", "--tb=long", *mode
        )
    assert result.ret == 7
    assert "Incorrect key [key]" in result.stdout.str()
    everything = result.stdout.str() + result.stderr.str()
    everything += "".join(path.read_text() for path in pytester.path.rglob("*") if path.is_file())
    assert "very-secret" not in everything


def test_no_model(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    result = pytester.runpytest_subprocess()
    assert result.ret == 7
    result.stdout.fnmatch_lines(
        ["*no model to evaluate: give --model-path=DIR_OR_HF_ID to deploy one, or --model-url*"]
    )


def test_a_custom_gate_may_be_inconclusive(pytester: pytest.Pytester) -> None:
    write_sums(pytester.path)
    pytester.makepyfile(
        """
        from pytest_nemo_eval import GateResult, Verdict
        from pytest_nemo_eval.config.settings import Tier

        class Undecided:
            tier = Tier.CRITICAL
            def judge(self, metrics):
                return GateResult("accuracy ~ 0.7", Verdict.INCONCLUSIVE, self.tier, "too few questions")

        def test_sums(run_benchmark):
            run_benchmark("sums", dataset="sums.jsonl", prompt="{question}", scorer="includes", gates=[Undecided()])
        """
    )
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "-v")
    assert result.ret == 6
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INCONCLUSIVE*", "*too few questions*", "*inconclusive: too little evidence*"])


@MODES
def test_advisory_gates_never_fail_and_never_make_a_pass(pytester: pytest.Pytester, mode: tuple[str, ...]) -> None:
    write_suite(pytester, task(gate=0.9, more="      tier: advisory\n"))
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "-v", *mode)
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["*ADVISORY*", "*only advisory gates were judged*"])
        assert result.ret == 6
        write_suite(pytester, task(gate=0.9, more="      tier: advisory\n"), task("gated", gate=0.5))
        assert pytester.runpytest_subprocess(f"--model-url={fake.url}", *mode).ret == 0


def test_a_measurement_without_gates(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*MEASURED*", "*sums*measured*"])


@pytest.mark.parametrize(
    ("last", "code"),
    [("assert False", 1), ("raise ValueError", 1), ("pass", 7)],
    ids=["failure", "crash", "pass"],
)
def test_an_error_beside_other_tests(pytester: pytest.Pytester, last: str, code: int) -> None:
    write_suite(pytester, task(more="      params: {max_retries: 0}\n"))
    pytester.makepyfile(f"def test_other():\n    {last}\n")
    with serving(lambda _: Reply(status=500)) as fake:
        assert pytester.runpytest_subprocess(f"--model-url={fake.url}").ret == code


def test_pytests_own_codes_are_left_alone(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(gate=0.5))
    with serving(right_up_to(7)) as fake:
        assert pytester.runpytest_subprocess(f"--model-url={fake.url}", "-k", "nosuch").ret == 5
        assert pytester.runpytest_subprocess(f"--model-url={fake.url}", "--nosuch").ret == 4
        assert fake.requests == []


def test_all_evaluations_skipped_is_no_pass(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.skip\ndef test_it(run_benchmark):\n    pass\n")
    result = pytester.runpytest_subprocess("--model-url=http://127.0.0.1:9/v1")
    assert result.ret == 5
    result.stdout.fnmatch_lines(["*nothing was evaluated*"])


@pytest.mark.parametrize(("workers", "position"), [("1", 7), ("2", 0), ("2", 1), ("2", 7)])
def test_what_execnet_cannot_carry_never_makes_a_pass(pytester: pytest.Pytester, workers: str, position: int) -> None:
    """notes: a value that execnet cannot serialise kills the worker, and the session could end with 0."""
    write_sums(pytester.path)
    bad = """
        record_property("score", result.accuracy)
        record_property("path", pathlib.Path("x"))
        record_property("text", "\\ud800")
        assert result.accuracy >= 0.9
    """
    tests = "".join(
        f"def test_{n}(run_benchmark, record_property):\n"
        '    result = run_benchmark("sums", dataset="sums.jsonl", prompt="{question}", scorer="includes")\n'
        + ("".join(f"    {line.strip()}\n" for line in bad.strip().splitlines()) if n == position else "")
        for n in range(8)
    )
    pytester.path.joinpath("test_it.py").write_text("import pathlib\n" + tests)
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "-n", workers)
    result.assert_outcomes(passed=7, failed=1)
    assert result.ret == 1


def test_a_worker_that_dies_never_makes_a_pass(pytester: pytest.Pytester) -> None:
    write_sums(pytester.path)
    pytester.makepyfile(
        """
        import os, signal
        def test_0(run_benchmark):
            run_benchmark("sums", dataset="sums.jsonl", prompt="{question}", scorer="includes")
        def test_1(run_benchmark):
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "-n", "1")
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*::test_1: its worker was lost (killed, or out of memory)"])


def test_scores_in_junit(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(gate=0.5))
    with serving(right_up_to(7)) as fake:
        pytester.runpytest_subprocess(f"--model-url={fake.url}", "--junitxml=j.xml")
    properties = ElementTree.parse(pytester.path / "j.xml").getroot().iter("property")
    assert {p.get("name"): p.get("value") for p in properties}["sums.accuracy"] == "0.7"


@MODES
def test_html_has_a_row_a_benchmark(pytester: pytest.Pytester, mode: tuple[str, ...]) -> None:
    write_suite(pytester, task(gate=0.5), task("hard", gate=0.9))
    pytester.makepyfile("def test_other():\n    pass\n")
    with serving(lambda question: f"<script>alert(1)</script> {right_up_to(7)(question)}") as fake:
        pytester.runpytest_subprocess(f"--model-url={fake.url}", "--html=r.html", "--self-contained-html", *mode)
    html = (pytester.path / "r.html").read_text()
    blob = html.partition('data-jsonblob="')[2].partition('"')[0]
    for word in ("0.7000", "accuracy &gt;= 0.9", "fail", "pass", "col-verdict"):
        assert json.dumps(word)[1:-1].replace("&", "&amp;") in blob
    assert "<script>alert(1)" not in html
    assert ">Verdict</th>" in html


def test_html_without_evaluations_is_as_ever(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_other():\n    pass\n")
    pytester.runpytest_subprocess("--html=r.html")
    assert "Verdict" not in (pytester.path / "r.html").read_text()
