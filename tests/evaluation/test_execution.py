"""An Execution that could not be started leaves nothing behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_nemo_eval import CallNext, Client, Endpoint, Request, Response, Secret
from pytest_nemo_eval.client import Limiter, Pool
from pytest_nemo_eval.errors import StorageError
from pytest_nemo_eval.evaluation import Execution, RunPlace
from pytest_nemo_eval.evaluation.recording import identity_of
from pytest_nemo_eval.interceptors import create_interceptor
from pytest_nemo_eval.runs.journal import Answers
from tests.evaluation.test_watching import JOB, MODEL
from tests.fake_endpoint import serving
from tests.jobs import begin_job, run_job


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


def open_files(folder: Path) -> list[str]:
    links = [Path(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    return [found for link in links if link.is_symlink() and str(folder) in (found := os.readlink(link))]


def test_no_folder_and_no_file_is_left_of_it(tmp_path: Path, pool: Pool) -> None:
    """Its record's name is too long for a file: that is found out half-way."""
    earlier = tmp_path / "earlier"
    place = RunPlace(tmp_path / "later", MODEL, earlier=(earlier,), output=tmp_path)
    with serving(lambda _: "yes") as fake:
        client = Client(Endpoint(fake.url, "fake-model"), [], pool)
        run_job(JOB, client, RunPlace(earlier, MODEL))
        named = replace(JOB, benchmark=replace(JOB.benchmark, name="n" * 300))
        with pytest.raises(StorageError, match="File name too long"):
            Execution(named, client, place, Limiter(1), threading.Event())
        pool.close_connections()
    assert [path.name for path in tmp_path.iterdir()] == ["earlier"]
    assert open_files(tmp_path) == []
    answers = Answers([earlier])  # nobody holds them
    assert len(answers) == 3
    answers.close()


def test_one_that_is_abandoned_without_an_answer_leaves_nothing(tmp_path: Path, pool: Pool) -> None:
    over = threading.Event()
    asked = threading.Event()

    def answer(question: str) -> str:
        asked.set()
        over.wait(20)
        return "yes"

    with serving(answer) as fake:
        client = Client(Endpoint(fake.url, "fake-model"), [], pool)
        execution = Execution(JOB, client, RunPlace(tmp_path / "mine", MODEL), Limiter(4), threading.Event())
        assert asked.wait(20)
        execution.cancel()
        execution.abandon("nobody wants it")
        over.set()
        pool.close_connections()
    assert list(tmp_path.iterdir()) == []
    assert open_files(tmp_path) == []


def test_a_header_that_may_change_answers_is_part_of_who_is_asked() -> None:
    def identity(headers: dict[str, str | Secret]) -> str:
        return identity_of(MODEL, JOB.benchmark, Endpoint("http://fake/v1", "m", headers=headers))

    assert identity({"X-Route": "a"}) != identity({"X-Route": "b"})
    assert identity({"X-Route": "a"}) == identity({"x-route": "a"})
    assert identity({"X-Token": Secret("of-today")}) == identity({"X-Token": Secret("of-tomorrow")})


def test_a_second_run_of_the_same_client_begins_its_conversations_anew(tmp_path: Path, pool: Pool) -> None:
    turns = create_interceptor("turn_counter", {"max_turns": 1})
    with serving(lambda _: "yes") as fake:
        client = Client(Endpoint(fake.url, "fake-model"), [turns], pool)
        for name in ("first", "second"):
            assert run_job(JOB, client, RunPlace(tmp_path / name, MODEL)).accuracy == 1.0
        pool.close_connections()


class Rememberer:
    """Knows which samples it has seen and not forgotten."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.seen: set[str] = set()

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        self.known.add(request.sample_id)
        self.seen.add(request.sample_id)
        return await call_next(request)

    def forget(self, sample_id: str, repeat: int) -> None:
        self.known.remove(sample_id)


def test_a_sample_that_was_cut_short_is_forgotten_too(tmp_path: Path, pool: Pool) -> None:
    asked, over = threading.Event(), threading.Event()
    rememberer = Rememberer()

    def answer(question: str) -> str:
        if question.endswith("q2"):
            asked.set()
            over.wait(20)
        return "yes"

    with serving(answer) as fake:
        client = Client(Endpoint(fake.url, "fake-model"), [rememberer], pool)
        execution = begin_job(JOB, client, RunPlace(tmp_path / "cut", MODEL))
        assert asked.wait(20)
        execution.abandon("of a test")
        over.set()
        pool.close_connections()
    assert (rememberer.seen, rememberer.known) == ({"0", "1", "2"}, set())
