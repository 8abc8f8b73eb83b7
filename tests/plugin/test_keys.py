"""Sessions in which a key could show: the terminal, every report and every file of the Run are searched."""

from __future__ import annotations

import pytest

from tests.fake_endpoint import FakeEndpoint, Reply, serving
from tests.leaks import parts_shown
from tests.plugin.suites import right_up_to, task, write_suite

KEY = "sk-0123456789abcdefghijklmnopqrstuvwxyz"


def leaked(pytester: pytest.Pytester, *options: str, code: int) -> set[str]:
    """The parts of the key that a session shows."""
    reports = ("--html=r.html", "--self-contained-html", "--junitxml=j.xml", "-rA", "-l", "--tb=long")
    result = pytester.runpytest_subprocess(*reports, *options)
    assert result.ret == code, result.stdout.str()
    files = [path.read_bytes().decode("utf-8", "replace") for path in pytester.path.rglob("*") if path.is_file()]
    return parts_shown(KEY, "\n".join([result.stdout.str(), result.stderr.str(), *files]))


def echo(fake: FakeEndpoint, question: str) -> str:
    return f"{fake.headers[-1]['authorization']}: {right_up_to(7)(question)}"


def test_a_model_that_repeats_the_key(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    write_suite(pytester, task(gate=0.9))
    with serving(lambda question: echo(fake, question)) as fake:
        assert leaked(pytester, f"--model-url={fake.url}", "--api-key-env=MY_KEY", code=1) == set()
    (results,) = pytester.path.glob("eval-runs/*/*/results.jsonl")
    assert results.read_text().count("Bearer [key]: It is") == 10


def test_a_server_that_answers_with_the_key(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    write_suite(pytester, task(gate=0.5, more="      params: {max_retries: 0}\n"))
    with serving(lambda question: Reply(content=(" " * 170 + echo(fake, question)).encode())) as fake:
        assert leaked(pytester, f"--model-url={fake.url}", "--api-key-env=MY_KEY", code=7) == set()


@pytest.mark.parametrize("ending", ["ü", "\nx"])
def test_a_key_that_cannot_be_sent(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    monkeypatch.setenv("MY_KEY", KEY + ending)
    write_suite(pytester, task(gate=0.5))
    options = ("--model-url=http://127.0.0.1:9/v1", "--api-key-env=MY_KEY", "--full-trace")
    assert leaked(pytester, *options, code=7) == set()


def test_the_key_in_place_of_its_variable(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(gate=0.5))
    assert leaked(pytester, "--model-url=http://127.0.0.1:9/v1", f"--api-key-env={KEY}", code=7) == set()


def test_the_key_in_place_of_its_variable_in_a_suite(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", KEY)
    target = "target: {api_endpoint: {url: 'http://127.0.0.1:9/v1', model_id: m, api_key_name: '${KEY}'}}\n"
    write_suite(pytester, task(gate=0.5), head=target)
    assert leaked(pytester, code=7) == set()
