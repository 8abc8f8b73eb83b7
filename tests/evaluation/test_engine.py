from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from pytest_nemo_eval import Client, Endpoint, Protocol, Request, Response, Sample, SampleResult, Score, read_run
from pytest_nemo_eval.benchmarks import custom_benchmark
from pytest_nemo_eval.client import Pool, RetryPolicy
from pytest_nemo_eval.errors import AccessError, EvaluationError, RejectedRequestError
from pytest_nemo_eval.evaluation import Gating, Job, RunPlace
from pytest_nemo_eval.interceptors import CallNext, Interceptor
from pytest_nemo_eval.runs import ModelRecord
from pytest_nemo_eval.scorers import Scorer, create_scorer
from pytest_nemo_eval.scorers.function import FunctionScorer
from tests.fake_endpoint import FakeEndpoint, Reply, serving
from tests.jobs import begin_job

MODEL = ModelRecord(id="m", url="http://fake/v1", protocol="chat")
NUMBERS = itertools.count()
NOBODY = "http://127.0.0.1:9/v1"


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bench, "home", tmp_path, raising=False)


def job_of(
    count: int,
    *,
    repeats: int = 1,
    concurrency: int = 1,
    max_errors: int = 0,
    scorer: Scorer | None = None,
) -> Job:
    """Asks q0, q1, ...; right is "yes"."""
    return Job(
        item="eval_it.yaml::mine",
        benchmark=custom_benchmark("mine", "{question}", scorer or create_scorer("exact")),
        samples=[Sample(id=str(n), input=f"q{n}", target="yes", category="c") for n in range(count)],
        shots=(),
        num_fewshot=0,
        parameters={"max_tokens": 5},
        gating=Gating(()),
        repeats=repeats,
        concurrency=concurrency,
        max_errors=max_errors,
        request_timeout=10.0,
        retries=0,
        data="made up",
        data_fingerprint="of-a-test",
    )


class Bench:
    """One evaluation: what was finished, in that order, and how far it got."""

    home: Path

    def __init__(self, job: Job, pool: Pool, url: str = NOBODY, interceptors: Sequence[Interceptor] = ()) -> None:
        self.job = job
        self.folder = Bench.home / f"run-{next(NUMBERS)}"
        self.client = Client(Endpoint(url, "m"), interceptors, pool, RetryPolicy(retries=0), timeout=10.0)

    def run(self) -> list[SampleResult]:
        execution = begin_job(self.job, self.client, RunPlace(self.folder, MODEL))
        self.book = execution.book
        try:
            _, results = execution.outcomes(execution.wait(lambda book: None))
            return list(results)
        finally:
            execution.close()
            self.client.pool.close_connections()

    @property
    def journal(self) -> list[SampleResult]:
        return list(read_run(self.folder).results)

    @property
    def finished(self) -> list[str]:
        return [result.sample_id for result in self.journal]


def answering(answer: Callable[[Request], str]) -> Interceptor:
    """An interceptor that answers by itself, without any endpoint."""

    async def intercept(request: Request, call_next: CallNext) -> Response:
        return Response(text=answer(request))

    return intercept


def questions(fake: FakeEndpoint) -> list[str]:
    return [request["messages"][-1]["content"] for request in fake.requests]


def test_a_sample_is_asked_and_scored(pool: Pool) -> None:
    with serving(lambda question: Reply("Yes." if question == "q0" else "no", finish_reason="length")) as fake:
        bench = Bench(job_of(2), pool, fake.url)
        first, second = bench.run()
    assert (first.sample_id, first.repeat, first.input, first.target, first.category) == ("0", 0, "q0", "yes", "c")
    assert first.score == Score(value=1.0, answer="yes")
    assert second.score == Score(value=0.0, answer="no")
    assert (first.reply, first.truncated, first.error) == ("Yes.", True, None)
    assert (first.usage.prompt_tokens, first.usage.completion_tokens) == (7, 3)
    assert fake.requests[0] == {"model": "m", "messages": [{"role": "user", "content": "q0"}], "max_tokens": 5}
    assert (bench.book.total, bench.book.done, bench.book.errors, bench.book.score_sum) == (2, 2, 0, 1.0)


def test_the_protocol_is_the_endpoints(pool: Pool) -> None:
    with serving(lambda _: "yes") as fake:
        bench = Bench(job_of(1), pool)
        bench.client = Client(Endpoint(fake.url, "m", Protocol.COMPLETIONS), [], pool)
        bench.run()
    assert fake.paths == ["/v1/completions"]
    assert fake.requests[0]["prompt"] == "q0"


def test_results_stand_in_the_order_of_samples_whatever_finishes_first(pool: Pool) -> None:
    last_is_in: list[anyio.Event] = []

    async def first_waits_for_the_last(request: Request, call_next: CallNext) -> Response:
        if not last_is_in:
            last_is_in.append(anyio.Event())
        if request.sample_id == "0":
            await last_is_in[0].wait()
        if request.sample_id == "4":
            last_is_in[0].set()
        return Response(text="yes")

    bench = Bench(job_of(5, concurrency=2), pool, interceptors=[first_waits_for_the_last])
    assert [result.sample_id for result in bench.run()] == ["0", "1", "2", "3", "4"]
    assert bench.finished[0] == "1"
    assert bench.finished.index("0") > bench.finished.index("3")


def test_repeats_are_results_of_their_own_side_by_side(pool: Pool) -> None:
    bench = Bench(
        job_of(2, repeats=3), pool, interceptors=[answering(lambda asked: f"{asked.sample_id}/{asked.repeat}")]
    )
    results = bench.run()
    assert [(result.sample_id, result.repeat) for result in results] == [
        *(("0", repeat) for repeat in range(3)),
        *(("1", repeat) for repeat in range(3)),
    ]
    assert [result.reply for result in results] == ["0/0", "0/1", "0/2", "1/0", "1/1", "1/2"]
    assert bench.finished == ["0", "1"] * 3


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (3, 3), (100, 12)])
def test_never_more_requests_in_flight_than_allowed(pool: Pool, concurrency: int, most: int) -> None:
    seen = []
    in_flight: set[str] = set()
    enough: list[anyio.Event] = []

    async def count(request: Request, call_next: CallNext) -> Response:
        if not enough:
            enough.append(anyio.Event())
        in_flight.add(request.sample_id)
        seen.append(len(in_flight))
        if len(in_flight) == most:
            enough[0].set()
        await enough[0].wait()
        await anyio.lowlevel.checkpoint()
        in_flight.remove(request.sample_id)
        return Response(text="yes")

    assert len(Bench(job_of(12, concurrency=concurrency), pool, interceptors=[count]).run()) == 12
    assert max(seen) == most


def test_the_journal_has_each_sample_before_the_next_is_asked(pool: Pool) -> None:
    seen = []

    def answer(question: str) -> str:
        seen.append((question, len(bench.journal)))
        return "yes"

    with serving(answer) as fake:
        bench = Bench(job_of(3), pool, fake.url)
        assert bench.run() == bench.journal
    assert seen == [("q0", 0), ("q1", 1), ("q2", 2)]


def test_one_page_that_is_not_found_among_answers_is_an_error_of_its_sample(pool: Pool) -> None:
    with serving(lambda question: Reply(status=404) if question == "q2" else "yes") as fake:
        bench = Bench(job_of(6, max_errors=1), pool, fake.url)
        results = bench.run()
    assert [result.sample_id for result in results if result.error] == ["2"]


def test_a_model_that_is_not_found_ends_it_at_once(pool: Pool) -> None:
    with serving(lambda _: Reply(status=404)) as fake:
        bench = Bench(job_of(6, max_errors=6), pool, fake.url)
        with pytest.raises(AccessError, match="refuses requests"):
            bench.run()
    assert questions(fake) == ["q0"]


@pytest.mark.parametrize("status", [401, 403])
def test_an_endpoint_that_refuses_all_ends_it_at_once(pool: Pool, status: int) -> None:
    with serving(lambda question: Reply(status=status) if question == "q2" else "yes") as fake:
        bench = Bench(job_of(6, max_errors=6), pool, fake.url)
        with pytest.raises(AccessError, match="refuses requests"):
            bench.run()
    assert questions(fake) == ["q0", "q1", "q2"]
    assert bench.finished == ["0", "1"]


def test_what_is_finished_is_in_the_journal_when_it_ends(pool: Pool) -> None:
    async def first_never_answers(request: Request, call_next: CallNext) -> Response:
        if request.sample_id == "0":
            await anyio.sleep_forever()
        return await call_next(request)

    with serving(lambda question: Reply(status=401) if question == "q4" else "yes") as fake:
        bench = Bench(job_of(6, concurrency=2), pool, fake.url, [first_never_answers])
        with pytest.raises(AccessError):
            bench.run()
    assert bench.finished == ["1", "2", "3"]
    assert all(result.score for result in bench.journal)


@pytest.mark.parametrize("max_errors", [0, 2])
def test_an_endpoint_that_is_gone_ends_it(pool: Pool, max_errors: int) -> None:
    with serving(lambda _: "") as fake:
        gone = fake.url
    bench = Bench(job_of(10, max_errors=max_errors), pool, gone)
    with pytest.raises(EvaluationError) as caught:
        bench.run()
    asked = max_errors + 1
    assert bench.finished == [str(n) for n in range(asked)]
    assert f"mine: {asked} of 10 samples ended in an error, and {max_errors} may (max_errors); 0 are" in str(
        caught.value
    )
    assert f"First: 0: {gone}/chat/completions was asked once: " in str(caught.value)


def test_errors_that_are_allowed_are_results_without_a_score(pool: Pool) -> None:
    with serving(lambda question: Reply(status=500) if question in ("q1", "q2") else "yes") as fake:
        bench = Bench(job_of(4, max_errors=2), pool, fake.url)
        results = bench.run()
    assert [result.score is None for result in results] == [False, True, True, False]
    assert "asked once: HTTP 500" in (results[1].error or "")
    assert (results[1].input, results[1].target) == ("q1", "yes")
    assert (bench.book.done, bench.book.errors, bench.book.score_sum) == (4, 2, 2.0)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_refused_samples_do_not_keep_the_others_from_being_asked(pool: Pool, status: int) -> None:
    with serving(lambda question: "yes" if question == "q5" else Reply(status=status)) as fake:
        bench = Bench(job_of(6), pool, fake.url)
        with pytest.raises(
            EvaluationError, match=r"5 of 6 samples .* 1 are scored\. First: 0: refused: .*; 2: refused"
        ):
            bench.run()
    assert bench.finished == ["0", "1", "2", "3", "4", "5"]
    assert bench.journal[5].score == Score(value=1.0, answer="yes")


def test_a_sample_may_be_refused_where_that_is_allowed(pool: Pool) -> None:
    words = b'{"error": {"message": "too long"}}'
    with serving(lambda question: Reply(status=400, content=words) if question == "q0" else "yes") as fake:
        refused, fine = Bench(job_of(2, max_errors=1), pool, fake.url).run()
    assert refused.score is None
    assert (refused.error or "").startswith("refused: ")
    assert (refused.error or "").endswith("HTTP 400: too long")
    assert fine.score is not None


def raises_on_two(sample: Sample, reply: str) -> float:
    if sample.id in ("0", "1"):
        raise ValueError("kaputt")
    return 1.0


def test_unscored_samples_do_not_keep_the_others_from_being_asked(pool: Pool) -> None:
    bench = Bench(
        job_of(4, scorer=FunctionScorer("mine:judge", raises_on_two)), pool, interceptors=[answering(lambda _: "words")]
    )
    with pytest.raises(EvaluationError, match="2 of 4 samples ended in an error, and 0 may") as caught:
        bench.run()
    assert "unscored: the scorer mine:judge could not rule: " in str(caught.value)
    assert "kaputt" in str(caught.value)
    assert bench.finished == ["0", "1", "2", "3"]
    assert (bench.journal[0].reply, bench.journal[0].score) == ("words", None)


def test_an_unscored_sample_where_that_is_allowed(pool: Pool) -> None:
    scorer = FunctionScorer("mine:judge", raises_on_two)
    results = Bench(job_of(3, max_errors=2, scorer=scorer), pool, interceptors=[answering(lambda _: "words")]).run()
    assert [result.score is None for result in results] == [True, True, False]


def test_an_interceptor_that_raises_is_an_error_of_the_sample(pool: Pool) -> None:
    def divide(request: Request) -> str:
        return str(1 / int(request.sample_id))

    first, second = Bench(job_of(2, max_errors=1), pool, interceptors=[answering(divide)]).run()
    assert first.error == "the interceptor answering.<locals>.intercept raised ZeroDivisionError('division by zero')"
    assert (second.error, second.reply) == (None, "1.0")


def test_an_interceptor_that_raises_ours_is_quoted_as_it_is(pool: Pool) -> None:
    def refuse(request: Request) -> str:
        if request.sample_id == "0":
            raise RejectedRequestError("not this one")
        return "yes"

    refused, _ = Bench(job_of(2, max_errors=1), pool, interceptors=[answering(refuse)]).run()
    assert refused.error == "refused: not this one"


def test_an_interceptor_that_returns_nothing_is_named(pool: Pool) -> None:
    async def forgetful(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        return None  # type: ignore[return-value]  # what a forgotten return gives

    with serving(lambda _: "yes") as fake:
        bench = Bench(job_of(2), pool, fake.url, interceptors=[forgetful])
        with pytest.raises(EvaluationError, match=r"the interceptor .*forgetful returned None instead of a Response"):
            bench.run()


def test_where_nothing_is_scored_there_is_nothing_to_judge(pool: Pool) -> None:
    with serving(lambda _: Reply(status=400)) as fake:
        bench = Bench(job_of(4, max_errors=10), pool, fake.url)
        with pytest.raises(EvaluationError, match=r"4 of 4 samples ended in an error.* 0 are scored"):
            bench.run()
    assert bench.finished == ["0", "1", "2", "3"]


def test_interceptors_know_which_sample_asks(pool: Pool) -> None:
    asked = []

    def note(request: Request) -> str:
        asked.append((request.sample_id, request.repeat))
        return "yes"

    Bench(job_of(2, repeats=2), pool, interceptors=[answering(note)]).run()
    assert asked == [("0", 0), ("1", 0), ("0", 1), ("1", 1)]
