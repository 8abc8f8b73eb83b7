"""Hooks by name, and the report of questions and answers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_nemo_eval import Client, Endpoint, Run, Sample, read_run
from pytest_nemo_eval.client import Pool
from pytest_nemo_eval.errors import ConfigError, EvalError, StorageError
from pytest_nemo_eval.evaluation import RunPlace
from pytest_nemo_eval.report import create_hook, run_hooks
from pytest_nemo_eval.report.pairs import Pair, _section
from tests.evaluation.test_watching import JOB, MODEL
from tests.fake_endpoint import serving
from tests.jobs import run_job

HOSTILE = "<script>alert(1)</script><img src=x onerror='alert(2)'>&amp;\"]]>--></pre></style>\u202e"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Three questions that a model answered with markup."""
    pool = Pool()
    with serving(lambda question: f"{question}: {HOSTILE}") as fake:
        job = replace(JOB, item=HOSTILE)
        run_job(job, Client(Endpoint(fake.url, "fake-<b>model"), [], pool), RunPlace(tmp_path / "run", MODEL))
        pool.close()
    return read_run(tmp_path / "run")


class Page(HTMLParser):
    """Tags that a browser would see, and what stands in ``pre``."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag == "pre":
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data


OURS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "h2",
    "h3",
    "p",
    "table",
    "tr",
    "th",
    "td",
    "section",
    "pre",
}


def test_html_shows_texts_as_texts(run: Run) -> None:
    create_hook("post_eval_report", {})(run.folder)
    text = (run.folder / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert set(page.tags) <= OURS
    assert set(page.attributes) == {"lang", "charset", "http-equiv", "content", "name"}
    assert sum(HOSTILE in found for found in page.texts) == 6  # as the reply, and as the answer in it
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|url\(|@import", text.replace("http-equiv", ""))
    assert not (run.folder / "report.json").exists()


@pytest.mark.parametrize(("size", "count"), [(1, 1), (2, 2), (5, 3), (None, 3)])
def test_json_has_the_first(run: Run, size: int | None, count: int) -> None:
    keys: dict[str, Any] = {"report_types": ["json", "html", "json"], "html_report_size": size}
    create_hook("post_evaluation_report", keys)(run.folder)
    document = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
    assert (document["benchmark"], document["samples"], document["status"]) == ("mine", 3, "finished")
    assert document["scores"]["accuracy"] == 0.0
    assert [pair["reply"] for pair in document["pairs"]] == [result.reply for result in run.results[:count]]
    assert Page((run.folder / "report.html").read_text(encoding="utf-8")).tags.count("section") == count
    assert sorted(path.name for path in run.folder.glob(".new-*")) == []


def test_five_are_shown_by_default(tmp_path: Path) -> None:
    samples = [Sample(id=str(number), input="?", target="yes") for number in range(7)]
    pool = Pool()
    with serving(lambda question: "yes") as fake:
        client = Client(Endpoint(fake.url, "m"), [], pool)
        run_job(replace(JOB, samples=samples), client, RunPlace(tmp_path / "run", MODEL))
        pool.close()
    create_hook("post_eval_report", {"report_types": ["json"]})(tmp_path / "run")
    assert len(json.loads((tmp_path / "run" / "report.json").read_text())["pairs"]) == 5


def shown(text: str) -> str:
    pair = Pair(
        sample_id=text,
        repeat=0,
        question=text,
        target=text,
        reply=text,
        score=None,
        answer=text,
        explanation=text,
        error=text,
        finish_reason=text,
        prompt_tokens=1,
        completion_tokens=1,
        seconds=0.1,
    )
    return _section(pair)


@given(text=st.text(st.sampled_from("<>&\"'/=!- \nab;#\0\u2028ä"), min_size=1))
@settings(max_examples=300, deadline=None)
def test_no_text_gets_out_of_its_place(text: str) -> None:
    assert Page(shown(text)).tags == Page(shown("x")).tags
    assert Page(shown(text)).attributes == []


def test_a_folder_that_cannot_be_written_to(run: Run) -> None:
    (run.folder / "report.html").mkdir()
    with pytest.raises(StorageError, match=r"report\.html cannot be written"):
        create_hook("post_eval_report", {})(run.folder)


@pytest.mark.parametrize(
    ("name", "keys", "words"),
    [
        ("post_eval_reprt", {}, "no post-evaluation hook is called 'post_eval_reprt'; did you mean post_eval_report?"),
        ("post_eval_report", {"size": 3}, "the post-evaluation hook post_eval_report has no key size"),
        ("post_eval_report", {"report_types": ["pdf"]}, "Invalid enum value 'pdf'"),
        ("post_eval_report", {"report_types": []}, "length >= 1"),
        ("post_eval_report", {"html_report_size": 0}, ">= 1"),
        ("no_such:thing", {}, "cannot be imported"),
        ("json:dumps", {"a": 1}, "is a function, and takes no keys: a"),
        ("os:sep", {}, "neither a class nor a function"),
        ("asyncio:sleep", {}, "must be no async function"),
        ("datetime:datetime", {"year": 2000, "month": 1, "day": 1}, r"is called as hook\(run_folder\)"),
    ],
)
def test_hooks_that_cannot_be(name: str, keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        create_hook(name, keys)


def test_what_one_raises_does_not_keep_the_others_from_running(tmp_path: Path) -> None:
    called: list[Path] = []

    def broken(folder: Path) -> None:
        raise KeyError("x")

    def refuses(folder: Path) -> None:
        raise EvalError("no room")

    problem = run_hooks([("a", broken), ("b", refuses), ("c", called.append)], tmp_path)
    assert called == [tmp_path]
    assert str(problem).startswith(
        "the post-evaluation hook a raised KeyError('x'); the post-evaluation hook b: no room; the benchmark was "
    )
    assert run_hooks([("c", called.append)], tmp_path) is None
