from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import numpy
import pytest

from pytest_nemo_eval.servers.bridge import Bridge
from pytest_nemo_eval.servers.front import UnavailableError
from pytest_nemo_eval.servers.triton import CALL, REPLY, infer
from pytest_nemo_eval.servers.triton_front import TritonModel
from pytest_nemo_eval.servers.values import COMPLETIONS, Call, Reply
from tests.serving.engines import CharacterEngine
from tests.serving.fake_triton import Handler


@pytest.fixture
def triton() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield server
        server.shutdown()


def test_a_batch_of_requests_is_one_batch_of_the_engine() -> None:
    engine = CharacterEngine({"a": "1", "b": "2", "c": "3"})
    calls = [Call(COMPLETIONS, f'{{"prompt": "{prompt}"}}').to_json().encode() for prompt in "abc"]
    requests = [{CALL: numpy.array([[calls[0]], [calls[1]]], dtype=object)}, {CALL: numpy.array([[calls[2]]])}]
    first, second = infer(Bridge(engine, "m", 8), requests)
    assert engine.batches == [3]
    assert [first[REPLY].shape, second[REPLY].shape] == [(2, 1), (1, 1)]
    texts = [Reply.from_json(text).body for made in (first, second) for text in made[REPLY].reshape(-1)]
    assert [f'"text": "{number}"' in text for number, text in zip("123", texts, strict=True)] == [True] * 3


def test_calls_reach_the_model(triton: ThreadingHTTPServer) -> None:
    model = TritonModel("127.0.0.1", triton.server_port, "name")
    assert model.ready()
    assert model.version() == "triton 2.0, characters 1"
    assert '"text": "fine"' in model.answer(Call(COMPLETIONS, '{"prompt": "ü\\u0000"}')).body
    assert model.answer(Call(COMPLETIONS, "{}")).status == 400
    model.close()


def test_a_model_that_is_not_there(triton: ThreadingHTTPServer) -> None:
    model = TritonModel("127.0.0.1", triton.server_port, "other")
    assert not model.ready()
    with pytest.raises(UnavailableError, match=r"Triton answers 400: .*no such model"):
        model.answer(Call(COMPLETIONS, "{}"))
    model.close()


def test_a_triton_that_is_gone() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_port
    model = TritonModel("127.0.0.1", port, "name")
    with pytest.raises(UnavailableError, match="Triton does not answer"):
        model.ready()
