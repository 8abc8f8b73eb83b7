"""Every conftest template does what it says."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from pytest_nemo_eval import read_run
from tests import servers
from tests.fake_endpoint import FakeEndpoint, Reply, serving
from tests.plugin.suites import right_up_to, runs, task, write_suite

TEMPLATES = Path(__file__).resolve().parents[2] / "conftest_templates"


def use(pytester: pytest.Pytester, name: str) -> None:
    shutil.copy(TEMPLATES / f"{name}.py", pytester.path / "conftest.py")


def run(pytester: pytest.Pytester, fake: FakeEndpoint) -> None:
    result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    assert result.ret == 0, result.stdout.str()


def test_each_is_tried_here_and_short() -> None:
    here = Path(__file__).read_text()
    for path in TEMPLATES.iterdir():
        if path.suffix == ".py":
            assert f'use(pytester, "{path.stem}")' in here
            assert len(path.read_text().splitlines()) <= 30


def test_hosted_with_key(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    use(pytester, "hosted_with_key")
    write_suite(pytester, task(gate=0.5))
    with serving(right_up_to(7)) as fake:
        monkeypatch.setenv("GATEWAY_URL", fake.url)
        monkeypatch.setenv("GATEWAY_KEY", "sk-gateway")
        assert pytester.runpytest_subprocess().ret == 0
    assert {headers["authorization"] for headers in fake.headers} == {"Bearer sk-gateway"}


def test_system_prompt_per_module(pytester: pytest.Pytester) -> None:
    use(pytester, "system_prompt_per_module")
    write_suite(pytester, task(gate=0.5))
    test = """
        SYSTEM_PROMPT = {0!r}

        def test_it(run_benchmark):
            assert run_benchmark("sums", dataset="sums.jsonl", prompt="{{question}}", scorer="includes").n == 10
    """
    pytester.makepyfile(test_pirate=test.format("Talk like a pirate."), test_silent=test.format(""))
    with serving(right_up_to(7)) as fake:
        run(pytester, fake)
    prompts = [[m["content"] for m in request["messages"] if m["role"] == "system"] for request in fake.requests]
    for expected in (["You are a careful assistant. Answer briefly."], ["Talk like a pirate."], []):
        assert prompts.count(expected) == 10


def test_vllm_reasoning_stripped(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(gate=0.9).replace("includes", "exact"))
    with serving(lambda question: f"<think>0? 1?</think>\n{str(right_up_to(10)(question)).split()[-1]}") as fake:
        before = pytester.runpytest_subprocess(f"--model-url={fake.url}")
        use(pytester, "vllm_reasoning_stripped")
        run(pytester, fake)
    before.assert_outcomes(failed=1)


def test_caching_in_development(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    use(pytester, "caching_in_development")
    write_suite(pytester, task(gate=0.5))
    monkeypatch.delenv("CI", raising=False)
    with serving(right_up_to(7)) as fake:
        run(pytester, fake)
        run(pytester, fake)
        assert len(fake.requests) == 10
        monkeypatch.setenv("CI", "1")
        run(pytester, fake)
        assert len(fake.requests) == 20


def test_logging_for_debugging(pytester: pytest.Pytester) -> None:
    use(pytester, "logging_for_debugging")
    write_suite(pytester, task())
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "--log-cli-level=INFO")
    assert result.ret == 0, result.stdout.str()
    text = result.stdout.str()
    assert (text.count("request of sample"), text.count("response for sample")) == (3, 3)
    assert "What is 0+0?" in text
    (pairs,) = (pytester.path / "pairs").glob("sums-*.json")
    assert len(json.loads(pairs.read_text())["pairs"]) == 3


def test_rate_limited_hosted_endpoint(pytester: pytest.Pytester) -> None:
    use(pytester, "rate_limited_hosted_endpoint")
    write_suite(pytester, task("sums", gate=0.5), task("again"))
    with serving(right_up_to(7)) as fake:
        run(pytester, fake)
    reports = [read_run(folder).record.interceptor_reports["rate_limit"] for folder in runs(pytester)]
    assert max(str(report["requests"]) for report in reports) == "20"  # one limit for both


def test_custom_interceptor(pytester: pytest.Pytester) -> None:
    """Every question finds silence first."""
    use(pytester, "custom_interceptor")
    write_suite(pytester, task(gate=0.9))
    asked: set[str] = set()

    def answer(question: str) -> Reply | str:
        again = question in asked
        asked.add(question)
        return right_up_to(10)(question) if again else " "

    with serving(answer) as fake:
        run(pytester, fake)
    assert sorted(request["temperature"] for request in fake.requests) == [0.0] * 10 + [0.7] * 10


def test_own_server(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    use(pytester, "own_server")
    program = pytester.path / "my-server"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{servers.__file__}" --served-model-name my-model "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("OWN_SERVER", str(program))
    (pytester.path / "model").mkdir()
    write_suite(pytester, task(gate=0.9))
    result = pytester.runpytest_subprocess("--model-path=model")
    assert result.ret == 0, result.stdout.str()


@pytest.mark.parametrize(("nightly", "asked"), [("", 100), ("1", 150)])
def test_fewer_samples_in_pull_requests(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, nightly: str, asked: int
) -> None:
    use(pytester, "fewer_samples_in_pull_requests")
    monkeypatch.setenv("NIGHTLY", nightly)
    path = write_suite(pytester, task(gate=0.5))
    rows = (path.parent / "sums.jsonl").read_text()
    (path.parent / "sums.jsonl").write_text(rows.replace('"id": "sum-', '"id": "a-') + many(rows, 14))
    with serving(right_up_to(10)) as fake:
        run(pytester, fake)
    assert len(fake.requests) == asked


def many(rows: str, times: int) -> str:
    return "".join(rows.replace('"id": "sum-', f'"id": "{n}-') for n in range(times))
