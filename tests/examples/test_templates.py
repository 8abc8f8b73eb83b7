"""Every conftest template does what it says."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests import servers
from tests.fake_endpoint import FakeEndpoint, serving
from tests.plugin.suites import right_up_to, task, write_suite

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


def test_own_endpoint(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    use(pytester, "own_endpoint")
    write_suite(pytester, task(gate=0.5))
    with serving(right_up_to(7)) as fake:
        monkeypatch.setenv("GATEWAY_URL", fake.url)
        monkeypatch.setenv("GATEWAY_KEY", "sk-gateway")
        assert pytester.runpytest_subprocess().ret == 0
    assert {headers["authorization"] for headers in fake.headers} == {"Bearer sk-gateway"}


def test_system_prompt(pytester: pytest.Pytester) -> None:
    use(pytester, "system_prompt")
    write_suite(pytester, task(gate=0.5))
    with serving(right_up_to(7)) as fake:
        run(pytester, fake)
    assert {request["messages"][0]["role"] for request in fake.requests} == {"system"}


def test_strip_reasoning(pytester: pytest.Pytester) -> None:
    use(pytester, "strip_reasoning")
    write_suite(pytester, task(gate=0.9).replace("includes", "exact"))
    with serving(lambda question: f"<think>0? 1?</think>\n{str(right_up_to(10)(question)).split()[-1]}") as fake:
        run(pytester, fake)


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
