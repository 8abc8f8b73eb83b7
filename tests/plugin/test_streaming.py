"""``stream: true`` in a session."""

from __future__ import annotations

import json

import pytest

from pytest_nemo_eval import read_run
from tests.fake_endpoint import Reply, serving
from tests.plugin.modes import MODES
from tests.plugin.suites import SUM, runs, task, write_suite, write_sums

STREAM = "      params: {stream: true}\n"


def streamed(question: str) -> Reply:
    found = SUM.search(question)
    assert found
    chunks: list[object] = [
        {"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in ("It is ", str(2 * int(found[1])))
    ]
    chunks += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    chunks += [{"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}]
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return Reply(content="".join([*lines, "data: [DONE]\n\n"]).encode(), headers={"content-type": "text/event-stream"})


def test_the_time_to_the_first_token_is_measured_and_recorded(pytester: pytest.Pytester) -> None:
    write_sums(pytester.path)
    pytester.makepyfile(
        """
        def test_it(run_benchmark):
            asking = {"dataset": "sums.jsonl", "prompt": "What is {question}?", "scorer": "includes"}
            result = run_benchmark("sums", stream=True, **asking)
            assert result.accuracy == 1
            assert 0 < result.metrics["first_token_mean"].value <= result.metrics["latency_mean"].value
        """
    )
    with serving(streamed) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    assert result.ret == 0, result.stdout.str()
    assert all(body["stream"] and body["stream_options"] == {"include_usage": True} for body in fake.requests)
    found = read_run(runs(pytester)[0])
    assert found.record.benchmark.scores["first_token_mean"].value > 0
    assert found.record.benchmark.parameters["stream"] is True
    assert (found.record.counts.prompt_tokens, found.record.counts.completion_tokens) == (50, 20)


@MODES
def test_a_suite_may_have_a_ceiling_on_it(pytester: pytest.Pytester, mode: tuple[str, ...]) -> None:
    ceiling = STREAM + "      gates: {accuracy: {min: 1}, first_token_mean: {max: 60}}\n"
    write_suite(pytester, task(more=ceiling))
    with serving(streamed) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", *mode)
    assert result.ret == 0, result.stdout.str()
    result.assert_outcomes(passed=1)


def test_a_server_that_does_not_stream_is_no_error(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(gate=1.0, more=STREAM))
    with serving(lambda question: str(2 * int(question.rpartition("+")[2].rstrip("?")))) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    assert result.ret == 0, result.stdout.str()
    assert "first_token_mean" not in read_run(runs(pytester)[0]).record.benchmark.scores
