"""``--deploy-restarts``: a deployment that dies in mid-run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest

from pytest_nemo_eval import read_run
from tests.plugin.modes import MODES
from tests.plugin.suites import runs, task, write_suite, write_sums
from tests.processes import alive, with_argument
from tests.servers import write_vllm

pytestmark = pytest.mark.once

COUNT = 60
Lines = Callable[[str], list[str]]


@pytest.fixture
def lines(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Lines:
    """What the servers wrote down: of ``starts`` their pids, of ``asked`` the questions."""
    monkeypatch.setenv("PATH", f"{write_vllm(pytester.path / 'bin')}{os.pathsep}{os.environ['PATH']}")
    for name in ("starts", "asked"):
        monkeypatch.setenv(f"TEST_SERVER_{name.upper()}", str(pytester.path / name))
    (pytester.path / "model").mkdir()
    return lambda name: (pytester.path / name).read_text().splitlines()


def run(pytester: pytest.Pytester, *arguments: str, die_at: int = COUNT // 2) -> pytest.RunResult:
    dying = ("--server-arg", f"die-at={die_at}")
    return pytester.runpytest_subprocess("--model-path=model", *dying, *arguments, timeout=120)


def one_by_one(name: str = "sums", retries: int = 10) -> str:
    return task(name, gate=1.0, more=f"      params: {{parallelism: 1, max_retries: {retries}}}\n")


@pytest.mark.parametrize("retries", [0, 10])
def test_it_is_started_again_and_the_run_goes_on(pytester: pytest.Pytester, lines: Lines, retries: int) -> None:
    write_suite(pytester, one_by_one(retries=retries))
    write_sums(pytester.path, COUNT)
    result = run(pytester, "--deploy-restarts", "1")
    assert result.ret == 0, result.stdout.str()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*starting it again (1 of 1 times)*", "*the deployment died and was started again once*"]
    )
    found = read_run(runs(pytester)[0])
    assert (found.record.status, found.record.restarts, found.record.counts.scored) == ("finished", 1, COUNT)
    assert len({sample.sample_id for sample in found.results}) == COUNT
    twice = [question for question, count in Counter(lines("asked")).items() if count > 1]
    assert twice == [f"What is {COUNT // 2 - 1}+{COUNT // 2 - 1}?"]  # it died of this one
    assert len(lines("asked")) == COUNT + 1
    assert len(lines("starts")) == 2


def test_workers_go_on_with_the_same_new_one(pytester: pytest.Pytester, lines: Lines) -> None:
    write_suite(pytester, one_by_one(), one_by_one("again"))
    write_sums(pytester.path, COUNT)
    result = run(pytester, "--deploy-restarts", "1", "-n", "2")
    assert result.ret == 0, result.stdout.str()
    result.assert_outcomes(passed=2)
    records = [read_run(folder).record for folder in runs(pytester)]
    assert [record.counts.scored for record in records] == [COUNT, COUNT]
    assert 1 <= sum(record.restarts for record in records) <= 2
    assert len(lines("starts")) == 2
    assert 1 <= len(lines("asked")) - 2 * COUNT <= 2  # each worker has one question on its way
    assert with_argument(str(pytester.path / "bin")) == []


@MODES
def test_without_restarts_it_ends_in_an_error_with_the_log(
    pytester: pytest.Pytester, lines: Lines, mode: tuple[str, ...]
) -> None:
    write_suite(pytester, one_by_one())
    write_sums(pytester.path, COUNT)
    result = run(pytester, *mode)
    assert result.ret == 7
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*EvaluationError: sums: *", "*the server died: exit code 9*", "*CUDA error: device-side*"]
    )
    found = read_run(runs(pytester)[0])
    assert (found.record.status, found.record.restarts) == ("error", 0)
    assert sum(sample.score is not None for sample in found.results) == COUNT // 2 - 1
    assert len(lines("starts")) == 1


def test_dying_again_after_the_last_restart_is_an_error(pytester: pytest.Pytester, lines: Lines) -> None:
    write_suite(pytester, one_by_one(), one_by_one("later"))
    write_sums(pytester.path, COUNT)
    result = run(pytester, "--deploy-restarts", "1", "--server-arg", "lives=2", die_at=COUNT // 3)
    assert result.ret == 7
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*the server died: exit code 9*"])
    assert read_run(runs(pytester)[0]).record.restarts == 1
    pids = lines("starts")
    assert len(pids) == 2
    assert not any(alive(int(pid)) for pid in pids)


def test_several_deaths_are_counted(pytester: pytest.Pytester, lines: Lines) -> None:
    write_suite(pytester, one_by_one())
    write_sums(pytester.path, COUNT)
    result = run(pytester, "--deploy-restarts", "2", "--server-arg", "lives=2", die_at=COUNT // 3)
    assert result.ret == 0, result.stdout.str()
    result.stdout.fnmatch_lines(["*the deployment died and was started again 2 times*"])
    assert read_run(runs(pytester)[0]).record.restarts == 2
    assert len(lines("asked")) == COUNT + 2
