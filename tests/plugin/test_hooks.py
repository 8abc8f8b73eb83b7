"""Hooks after a benchmark, in sessions of pytest."""

from __future__ import annotations

import os

import pytest

from tests.fake_endpoint import serving
from tests.plugin.suites import right_up_to, runs, task, write_suite

MINE = """
from pathlib import Path
from pytest_nemo_eval import read_run


def note(folder):
    (folder / "note").write_text(f"{read_run(folder).record.status.value}")


class Marked:
    def __init__(self, word):
        self.word = word

    def __call__(self, folder):
        (folder / "mark").write_text(self.word)


def broken(folder):
    raise KeyError("of mine")
"""


@pytest.fixture(autouse=True)
def importable(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(pytester.path), *([before] if before else [])]))
    (pytester.path / "mine.py").write_text(MINE)


def head(url: str, adapter: str) -> str:
    return f"target:\n  api_endpoint:\n    url: {url}\n    model_id: m\n    adapter_config: {adapter}\n"


def test_they_run_once_a_benchmark_is_finished_whatever_its_verdict(pytester: pytest.Pytester) -> None:
    hooks = "post_eval_report, 'mine:note', {name: 'mine:Marked', config: {word: w}}, {name: x, enabled: false}"
    with serving(right_up_to(7)) as fake:
        tasks = (task("good", gate=0.5), task("bad", gate=0.9))
        write_suite(pytester, *tasks, head=head(fake.url, f"{{post_eval_hooks: [{hooks}]}}"))
        result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    folders = runs(pytester)
    assert len(folders) == 2
    for folder in folders:
        assert "It is " in (folder / "report.html").read_text()  # the first five that came
        assert ((folder / "note").read_text(), (folder / "mark").read_text()) == ("finished", "w")


def test_what_one_raises_is_an_error_that_names_it_and_no_verdict(pytester: pytest.Pytester) -> None:
    with serving(right_up_to(7)) as fake:
        tasks = (task("good", gate=0.5), task("bad", gate=0.9))
        write_suite(pytester, *tasks, head=head(fake.url, "{post_eval_hooks: ['mine:broken', 'mine:note']}"))
        good = pytester.runpytest_subprocess("eval_it.yaml::good")
        both = pytester.runpytest_subprocess()
    good.assert_outcomes(errors=1)
    assert good.ret == 7
    good.stdout.fnmatch_lines(["*the post-evaluation hook mine:broken raised KeyError('of mine')*Run is whole*"])
    good.stdout.no_fnmatch_line("verdict: GO*")
    both.assert_outcomes(errors=1, failed=1)
    assert both.ret == 1
    assert all((folder / "note").exists() for folder in runs(pytester))


def test_mistakes_are_collection_errors_and_python_tests_have_hooks_too(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(), head=head("http://127.0.0.1:9/v1", "{post_eval_hooks: [post_eval_reprt]}"))
    result = pytester.runpytest_subprocess()
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*eval_it.yaml:*no post-evaluation hook is called*did you mean post_eval_report?*"])
    pytester.makepyfile(
        """
        def test_python(run_benchmark):
            assert run_benchmark("sums", dataset="sums.jsonl", prompt="{question}", scorer="includes").n == 10
        """
    )
    flag = "target.api_endpoint.adapter_config.generate_html_report=true"
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "-o", flag, "--ignore=eval_it.yaml")
    result.assert_outcomes(passed=1)
    (folder,) = runs(pytester)
    assert (folder / "report.html").exists()
    assert (folder / "report.json").exists()
