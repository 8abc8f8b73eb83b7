"""``target.api_endpoint.headers``: sent with each request, and shown nowhere where the environment holds them."""

from __future__ import annotations

import pytest

from tests.fake_endpoint import FakeEndpoint, serving
from tests.leaks import parts_shown
from tests.plugin.modes import MODES
from tests.plugin.suites import right_up_to, runs, task, write_suite

SECRET = "tok-0123456789abcdefghijklmnopqrstuvwxyz"
NOWHERE = "http://127.0.0.1:9/v1"
REPORTS = ("--html=r.html", "--self-contained-html", "--junitxml=j.xml", "-rA", "-l", "--tb=long")


def target(headers: str, url: str = NOWHERE) -> str:
    return f"target: {{api_endpoint: {{url: '{url}', model_id: m, headers: {headers}}}}}\n"


def shown(pytester: pytest.Pytester, result: pytest.RunResult, secret: str = SECRET) -> set[str]:
    """The parts of a secret in the terminal and in all files but the suites."""
    files = [path for path in pytester.path.rglob("*") if path.is_file() and not path.name.startswith("eval_")]
    texts = [path.read_bytes().decode("utf-8", "replace") for path in files]
    return parts_shown(secret, "\n".join([result.stdout.str(), result.stderr.str(), *texts]))


def echo(fake: FakeEndpoint, question: str) -> str:
    """A gateway that repeats what it was sent."""
    return f"{fake.headers[-1]['x-token']}: {right_up_to(7)(question)}"


@MODES
@pytest.mark.parametrize("reference", ["${MY_TOKEN}", "${oc.env:MY_TOKEN}"])
def test_they_reach_the_endpoint_and_no_report(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, reference: str, mode: tuple[str, ...]
) -> None:
    monkeypatch.setenv("MY_TOKEN", SECRET)
    headers = f"{{X-Team: blue, X-Token: '{reference}'}}"
    with serving(lambda question: echo(fake, question)) as fake:
        write_suite(pytester, task(gate=0.9), head=target(headers, fake.url))
        result = pytester.runpytest_subprocess(*REPORTS, *mode)
    assert result.ret == 1, result.stdout.str()
    assert {(sent["x-team"], sent["x-token"]) for sent in fake.headers} == {("blue", SECRET)}
    assert shown(pytester, result) == set()
    assert (runs(pytester)[0] / "results.jsonl").read_text().count("[key]: It is") == 10


def test_authorization_takes_the_place_of_a_key(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", f"Basic {SECRET}")
    monkeypatch.setenv("MY_KEY", "sk-of-the-other-kind")
    with serving(right_up_to(10)) as fake:
        head = target("{Authorization: '${MY_TOKEN}'}", fake.url)
        write_suite(pytester, task(gate=0.9), head=head)
        result = pytester.runpytest_subprocess("--api-key-env=MY_KEY", *REPORTS)
    assert result.ret == 0, result.stdout.str()
    assert {sent["authorization"] for sent in fake.headers} == {f"Basic {SECRET}"}
    assert shown(pytester, result) == set()


@MODES
@pytest.mark.parametrize(
    ("headers", "words"),
    [
        (f"{{Authorization: 'Bearer {SECRET}'}}", "the header Authorization holds a key"),
        (f"{{x-api-key: {SECRET}}}", "the header x-api-key holds a key"),
        (f"{{X-Token: '{SECRET}-${{HOME}}'}}", "the header X-Token mixes text and a variable"),
    ],
)
def test_a_literal_key_is_a_collection_error_that_does_not_show_it(
    pytester: pytest.Pytester, headers: str, words: str, mode: tuple[str, ...]
) -> None:
    write_suite(pytester, task(), head=target(headers))
    result = pytester.runpytest_subprocess(*REPORTS, *mode)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([f"*eval_it.yaml:1: {words}*${{NAME}}*"])
    assert shown(pytester, result) == set()


def test_a_literal_key_on_the_command_line(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(), head=target("{}"))
    key = f"target.api_endpoint.headers.Authorization=Bearer {SECRET}"
    result = pytester.runpytest_subprocess("--eval-set", key, *REPORTS)
    assert result.ret not in (0, 1)
    assert "the header Authorization holds a key" in result.stdout.str() + result.stderr.str()
    assert shown(pytester, result) == set()


def test_a_variable_that_is_not_set(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(), head=target("{X-Token: '${MY_TOKEN}'}"))
    result = pytester.runpytest_subprocess()
    assert result.ret == 7
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ConfigError: the environment variable MY_TOKEN, for the header X-Token, is not set"])


@pytest.mark.parametrize("ending", ["\nX-Other: 1", "ü"])
def test_a_value_that_cannot_be_sent(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    monkeypatch.setenv("MY_TOKEN", SECRET + ending)
    write_suite(pytester, task(), head=target("{X-Token: '${MY_TOKEN}'}"))
    result = pytester.runpytest_subprocess(*REPORTS)
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*the environment variable MY_TOKEN, for the header X-Token: *copy it anew*"])
    assert shown(pytester, result) == set()
