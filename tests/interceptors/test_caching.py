from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from pytest_nemo_eval.chat import Message, Request, Response
from pytest_nemo_eval.errors import ConfigError, EndpointError
from pytest_nemo_eval.interceptors import CallNext, chain, create_interceptors, identify_all
from pytest_nemo_eval.interceptors.caching import Caching, CachingConfig
from pytest_nemo_eval.interceptors.store import FILE
from tests.interceptors.models import Model, ask, run

WHO = "http://models.example.com/v1 fake"


def caching(folder: Path, who: str = WHO) -> Caching:
    return Caching(CachingConfig(cache_dir=str(folder)), who)


def texts(cache: Caching, model: Model, *requests: Request) -> list[str]:
    async def main() -> list[str]:
        return [(await cache(request, model)).text for request in requests]

    try:
        return run(main())
    finally:
        cache.close()


def test_gives_an_equal_request_the_same_answer(tmp_path: Path) -> None:
    cache, model = caching(tmp_path), Model()
    first, second = texts(cache, model, ask(), ask(sample_id="another"))
    assert first == second == "answer 1 to 2 + 2?"
    assert cache.report() == {"hits": 1, "misses": 1, "hit_rate": 0.5, "stored": 1, "failures": 0}


def test_an_answer_comes_back_whole_in_another_session(tmp_path: Path) -> None:
    model = Model()

    async def one(cache: Caching) -> Response:
        return await cache(ask(), model)

    first, second = caching(tmp_path), caching(tmp_path)
    given = run(one(first))
    first.close()
    assert run(one(second)) == given
    second.close()
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    "other",
    [
        ask(repeat=1),
        ask(temperature=0.5),
        ask(seed=1),
        ask(stop=["x"]),
        ask("3 + 3?"),
        ask().replace(messages=(Message("system", "Be brief."), *ask().messages)),
        ask().replace(messages=(Message("assistant", "2 + 2?"),)),
        ask().replace(headers={"X-Mode": "slow"}),
    ],
)
def test_whatever_could_change_the_answer_is_part_of_the_key(tmp_path: Path, other: Request) -> None:
    cache, model = caching(tmp_path), Model()
    texts(cache, model, ask(), other)
    assert len(model.asked) == 2


def test_routes_differ(tmp_path: Path) -> None:
    cache = caching(tmp_path)

    async def model(request: Request) -> Response:
        return Response(text=request.protocol.path)

    async def main() -> list[Response]:
        return [await cache(request, model) for request in (Request(prompt="x"), Request(messages=()))]

    assert [response.text for response in run(main())] == ["/completions", "/chat/completions"]
    cache.close()


def test_keys_ids_and_order_do_not_count(tmp_path: Path) -> None:
    cache, model = caching(tmp_path), Model()
    one = ask(a=1, b=2).replace(headers={"Authorization": "Bearer 1", "X-Request-Id": "1", "x-mode": "slow"})
    two = ask(b=2, a=1).replace(headers={"Authorization": "Bearer 2", "X-Request-Id": "2", "X-Mode": "slow"})
    assert len(set(texts(cache, model, one, two))) == 1


def test_models_do_not_answer_for_each_other(tmp_path: Path) -> None:
    model = Model()
    texts(caching(tmp_path), model, ask())
    texts(caching(tmp_path, "another"), model, ask())
    assert len(model.asked) == 2


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        ([], [("reasoning", {})], 2),
        ([("reasoning", {})], [("reasoning", {"include_if_not_finished": False})], 2),
        ([("reasoning", {})], [("reasoning", {})], 1),
        ([], [("finish_reason", {})], 2),
        ([], [("response_stats", {})], 1),
        ([], [(f"{__name__}:shout", {})], 2),
    ],
)
def test_what_changes_answers_behind_it_counts(
    tmp_path: Path, first: list[tuple[str, Any]], second: list[tuple[str, Any]], asked: int
) -> None:
    """It keeps what they make of an answer, which others would make otherwise."""
    model = Model()
    for inner in (first, second):
        made = [caching(tmp_path, ""), *create_interceptors(inner)]
        identify_all(made, WHO)
        anyio.run(chain(made, model), ask())
        made[0].close()  # type: ignore[attr-defined]  # a cache
    assert len(model.asked) == asked


async def shout(request: Request, call_next: CallNext) -> Response:
    response = await call_next(request)
    return response.replace(text=response.text.upper())


def test_without_knowing_the_model_nothing_is_given(tmp_path: Path) -> None:
    cache, model = caching(tmp_path, ""), Model()
    texts(cache, model, ask(), ask())
    assert len(model.asked) == 2
    assert "which model" in str(cache.report()["unused"])
    cache.identify(WHO)
    cache.identify(WHO)
    texts(cache, model, ask(), ask())
    assert len(model.asked) == 3
    with pytest.raises(ConfigError, match="two models"):
        cache.identify("another")


def test_errors_are_not_stored(tmp_path: Path) -> None:
    cache, model = caching(tmp_path), Model(EndpointError("gone"))
    with pytest.raises(EndpointError):
        texts(cache, model, ask())
    model.error = None
    assert texts(cache, model, ask()) == ["answer 2 to 2 + 2?"]
    assert cache.report()["stored"] == 1


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        ({"reuse": False}, 2),
        ({"reuse_cached_responses": False}, 2),
        ({"save": False}, 2),
        ({"save_responses": False}, 2),
        ({"bypass": True}, 2),
        ({"reuse_cached_responses": True, "save_responses": True}, 1),
    ],
)
def test_keys(tmp_path: Path, keys: dict[str, bool], asked: int) -> None:
    model = Model()
    config = msgspec.convert({"cache_dir": str(tmp_path), **keys}, CachingConfig)
    texts(Caching(config, WHO), model, ask(), ask())
    assert len(model.asked) == asked
    texts(caching(tmp_path), model, ask())
    assert (len(model.asked) == asked) is ("reuse" in str(keys))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"cache_dir": "x", "reuse": True, "reuse_cached_responses": True}, "mean the same"),
        ({"cache_dir": "x", "save": True, "save_responses": False}, "mean the same"),
        ({"cache_dir": " "}, "cache_dir is empty"),
        ({}, "cache_dir"),
        ({"cache_dir": "x", "caching": True}, "unknown field"),
    ],
)
def test_refused_keys(keys: dict[str, object], words: str) -> None:
    with pytest.raises((ConfigError, msgspec.ValidationError), match=words):
        msgspec.convert(keys, CachingConfig)


def test_a_broken_database_means_asking_the_model(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database" * 100)
    cache, model = caching(tmp_path), Model()
    assert len(texts(cache, model, ask(), ask())) == len(model.asked) == 2
    report = cache.report()
    assert report["failures"] == 4
    assert "not a database" in str(report["last_failure"])


def test_a_folder_that_cannot_be_made_means_asking_the_model(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache, model = caching(tmp_path / "file" / "cache"), Model()
    assert len(texts(cache, model, ask())) == 1
    assert cache.report()["failures"] == 2


def test_a_database_that_takes_nothing_still_gives(tmp_path: Path) -> None:
    model = Model()
    texts(caching(tmp_path), model, ask())
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON answers BEGIN SELECT RAISE(ABORT, 'full'); END")
    connection.close()
    cache = caching(tmp_path)
    assert texts(cache, model, ask(), ask("new"))[0] == "answer 1 to 2 + 2?"
    assert cache.report()["failures"] == 1


def test_a_damaged_answer_is_asked_for_again(tmp_path: Path) -> None:
    model = Model()
    texts(caching(tmp_path), model, ask())
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE answers SET response = 'half of'")
    connection.close()
    cache = caching(tmp_path)
    first, second = texts(cache, model, ask(), ask())
    assert first == second == "answer 2 to 2 + 2?"
    assert cache.report()["failures"] == 1


def test_a_locked_database_is_left_alone_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_nemo_eval.interceptors.store.BUSY_SECONDS", 0.0)
    model, now = Model(), [0.0]
    texts(caching(tmp_path), model, ask())
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    cache = Caching(CachingConfig(cache_dir=str(tmp_path)), WHO, lambda: now[0])
    texts(cache, model, ask())
    other.close()
    texts(cache, model, ask())
    assert len(model.asked) == 3
    assert cache.report()["failures"] == 4
    now[0] = 60.0
    texts(cache, model, ask())
    assert len(model.asked) == 3


def test_half_a_surrogate_pair_is_no_error(tmp_path: Path) -> None:
    cache, model = caching(tmp_path), Model()
    texts(cache, model, ask("\ud800"), ask("\ud800"))
    assert cache.report()["failures"] == 2  # an answer that JSON cannot hold


def saved(folder: Path, table: str) -> list[bytes]:
    connection = sqlite3.connect(folder / FILE)
    try:
        return [value for _, value in connection.execute(f"SELECT * FROM {table}")]
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("keys", "answers", "requests"),
    [
        ({}, 4, 0),
        ({"save_requests": True}, 4, 4),
        ({"max_saved_responses": 3}, 3, 0),
        ({"max_saved_responses": 0, "save_requests": True, "max_saved_requests": 2}, 0, 2),
        ({"save_responses": False, "save_requests": True}, 0, 4),
        ({"max_saved_requests": 2}, 4, 0),
        ({"max_saved_responses": None, "max_saved_requests": None, "save_requests": True}, 4, 4),
        ({"save_requests": True, "bypass": True, "max_saved_requests": 1}, None, None),
    ],
)
def test_what_is_saved(tmp_path: Path, keys: dict[str, object], answers: int | None, requests: int | None) -> None:
    cache = Caching(msgspec.convert({"cache_dir": str(tmp_path), **keys}, CachingConfig), WHO)
    texts(cache, Model(), *(ask(str(n)) for n in range(4)))
    if answers is None:
        assert not (tmp_path / FILE).exists()
    else:
        assert (len(saved(tmp_path, "answers")), len(saved(tmp_path, "requests"))) == (answers, requests)
        assert cache.report()["stored"] == answers


def test_a_saved_request_holds_no_key(tmp_path: Path) -> None:
    cache = Caching(CachingConfig(cache_dir=str(tmp_path), save_requests=True), WHO)
    headers = {"Authorization": "Bearer of-mine", "X-Mode": "slow"}
    texts(cache, Model(), ask("2 + 2?", temperature=0.5).replace(headers=headers))
    (request,) = saved(tmp_path, "requests")
    assert json.loads(request) == {
        "path": "/chat/completions",
        "headers": {"Authorization": "[key]", "X-Mode": "slow"},
        "body": {"messages": [{"role": "user", "content": "2 + 2?"}], "temperature": 0.5},
    }


def test_a_file_of_an_earlier_version_gives_and_takes(tmp_path: Path) -> None:
    model = Model()
    texts(caching(tmp_path), model, ask())
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("DROP TABLE requests")
    connection.commit()
    connection.close()
    cache = Caching(CachingConfig(cache_dir=str(tmp_path), save_requests=True), WHO)
    assert texts(cache, model, ask(), ask("3 + 3?"))[0] == "answer 1 to 2 + 2?"
    assert len(saved(tmp_path, "requests")) == 1
    assert cache.report()["failures"] == 0
