"""Faults of an endpoint, and what a session makes of them: fault x outcome."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate

import pytest

from pytest_nemo_eval import Run, read_run
from tests.fake_endpoint import Reply, serving
from tests.plugin.conftest import Replay
from tests.plugin.modes import MODES
from tests.plugin.suites import right_up_to, runs, task, write_suite, write_sums

QUICK = "      params: {request_timeout: 1}\n"
HANG = Reply(status=-1)
"""No answer at all."""


def run_of(pytester: pytest.Pytester) -> Run:
    (folder,) = runs(pytester)
    return read_run(folder)


def broken_first(broken: Reply, times: int = 1) -> Callable[[str], Reply | str]:
    """Each question is answered wrongly in this way at first, and then well."""
    seen: dict[str, Iterator[bool]] = {}
    lock = threading.Lock()
    never = threading.Event()

    def answer(question: str) -> Reply | str:
        with lock:
            turn = next(seen.setdefault(question, itertools.chain([True] * times, itertools.repeat(False))))
        if not turn:
            return right_up_to(7)(question)
        if broken is HANG:
            never.wait(5)
        return broken

    return answer


PASSING = {
    **{str(status): Reply(status=status) for status in (408, 409, 425, 500, 502, 503, 504)},
    "429 in seconds": Reply(status=429, headers={"retry-after": "0.2"}),
    "429 with a date": Reply(status=429, headers={"retry-after": formatdate(usegmt=True)}),
    "truncated": Reply(content=b'{"choices": [{"mess'),
    "not JSON": Reply(content=b"<html>busy</html>"),
    "another shape": Reply(content=b'{"choices": []}'),
    "no answer": HANG,
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_costs_nothing_but_time(pytester: pytest.Pytester, fault: str) -> None:
    write_suite(pytester, task(gate=0.6, more=QUICK))
    with serving(broken_first(PASSING[fault])) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    result.assert_outcomes(passed=1)
    run = run_of(pytester)
    assert (run.record.counts.scored, run.record.counts.errors) == (10, 0)
    assert run.record.benchmark.scores["accuracy"].value == pytest.approx(0.7)
    assert len(fake.requests) == 20


@pytest.mark.parametrize("status", [401, 403, 404])
def test_who_refuses_all_ends_it_with_his_words(pytester: pytest.Pytester, status: int) -> None:
    write_suite(pytester, task(gate=0.6))
    words = Reply(status=status, content=b'{"error": {"message": "go away"}}')
    with serving(lambda _: words) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "--eval-concurrency=1")
    assert result.ret == 7
    result.stdout.fnmatch_lines([f"*HTTP {status}: go away*"])
    assert len(fake.requests) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize(("allowed", "code"), [(0, 7), (1, 0)])
def test_one_sample_that_is_refused(pytester: pytest.Pytester, status: int, allowed: int, code: int) -> None:
    write_suite(pytester, task(gate=0.6, more=f"      max_errors: {allowed}\n"))

    def answer(question: str) -> Reply | str:
        return Reply(status=status) if "9+9" in question else right_up_to(7)(question)

    with serving(answer) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    assert result.ret == code
    assert len(fake.requests) == 10
    counts = run_of(pytester).record.counts
    assert (counts.scored, counts.errors) == (9, 1)


def test_where_the_first_eight_are_refused_so_are_the_others(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(more="      max_errors: 500\n"))
    write_sums(pytester.path, 500)
    words = Reply(status=400, content=b'{"error": {"message": "no such parameter: temperature"}}')
    with serving(lambda _: words) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "--eval-concurrency=4")
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*no such parameter: temperature*"])
    assert 8 <= len(fake.requests) <= 12


def test_an_empty_answer_is_an_answer(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    with serving(lambda question: "" if "3+3" in question else right_up_to(10)(question)) as fake:
        assert pytester.runpytest_subprocess(f"--model-url={fake.url}").ret == 0
    assert len(fake.requests) == 10
    assert run_of(pytester).record.benchmark.scores["accuracy"].value == pytest.approx(0.9)


@pytest.mark.once
@MODES
def test_faults_of_every_kind_change_nothing(pytester: pytest.Pytester, replay: Replay, mode: tuple[str, ...]) -> None:
    """30 % of all requests fail: 429, 500, resets, cut-off and garbled bodies, and silence."""
    write_suite(pytester, task(more=QUICK), task("again", more=QUICK))
    write_sums(pytester.path, 150)
    rows = [{"question": f"What is {n}+{n}?", "output": f"{2 * n if n % 3 else 1}"} for n in range(150)]
    (pytester.path / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recorded = ("--replay", str(pytester.path / "replies.jsonl"))
    faults = ("--faults", "429,500,reset,truncate,garbage,hang", "--fault-rate", "0.3", "--seed", "7")
    found = []
    for options in (recorded, (*recorded, *faults)):
        url = replay(*options)
        result = pytester.runpytest_subprocess(f"--model-url={url}", "--model-id=stub", "-o", "eval_output=x", *mode)
        result.assert_outcomes(passed=2)
        made = [read_run(path.parent) for path in sorted(pytester.path.glob("x/*/*/eval-*.json"))][-2:]
        answers = [sorted((one.sample_id, one.reply, one.score) for one in run.results) for run in made]
        found.append([(run.record.counts, one) for run, one in zip(made, answers, strict=True)])
        for run in made:
            keys = [line["key"] for line in map(json.loads, (run.folder / "journal.jsonl").read_text().splitlines())]
            assert len(keys) == len(set(keys)) == 150
    assert found[0] == found[1]
