from __future__ import annotations

import contextlib
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_nemo_eval.deployment import Broker, BrokerServer, Demand, DeploymentSpec, RemoteBroker
from pytest_nemo_eval.errors import DeploymentError
from pytest_nemo_eval.server import LogHint, Probe, ServerAddress, ServerCommand
from tests import servers
from tests.processes import wait_for, with_argument

HINTS = (LogHint(text="kaputt", advice="buy a new one"),)


def spec(
    *arguments: str, timeout: float = 30.0, name: str = "m", port: int | None = None, group: str = ""
) -> DeploymentSpec:
    command = ServerCommand(
        argv=(sys.executable, servers.__file__, "--port", "{port}", "--served-model-name", name, *arguments),
        model_id=name,
        probe=Probe(paths=("/health", "/v1/models")),
        hints=HINTS,
        port=port,
    )
    return DeploymentSpec(command=command, timeout=timeout, group=group)


@pytest.fixture
def words() -> list[str]:
    return []


@pytest.fixture
def broker(tmp_path: Path, words: list[str]) -> Iterator[Broker]:
    broker = Broker(tmp_path / "servers", words.append)
    yield broker
    broker.close()


def test_the_first_use_deploys_and_closing_ends_it(broker: Broker, words: list[str], tmp_path: Path) -> None:
    assert not (tmp_path / "servers").exists()
    address = broker.acquire(spec(str(tmp_path)))
    assert (address.model_id, address.version) == ("m", "1.2.3")
    with urllib.request.urlopen(f"{address.base_url}/models") as reply:
        assert reply.status == 200
    assert words[0].startswith("deploying: ")
    assert words[-1].startswith("ready after")
    assert broker.diagnose(spec(str(tmp_path))) is None
    broker.close()
    broker.close()
    assert with_argument(str(tmp_path)) == []
    with pytest.raises(DeploymentError, match="the session is ending"):
        broker.acquire(spec(str(tmp_path)))


def test_many_who_ask_share_one_server(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SERVER_STARTS", str(tmp_path / "starts"))
    with ThreadPoolExecutor(8) as threads:
        addresses = set(threads.map(broker.acquire, [spec()] * 8))
        other = broker.acquire(spec(name="other"))
    assert len(addresses) == 1
    assert other not in addresses
    assert len((tmp_path / "starts").read_text().split()) == 2


def test_a_failed_start_says_why_and_is_remembered(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SERVER_STARTS", str(tmp_path / "starts"))
    for _ in range(2):
        with pytest.raises(DeploymentError) as caught:
            broker.acquire(spec("--fail", "kaputt"))
        for text in ("exit code 3", "RuntimeError: kaputt", "advice: buy a new one", "log: ", "command: "):
            assert text in str(caught.value)
    assert len((tmp_path / "starts").read_text().split()) == 1


def test_a_start_that_takes_too_long(broker: Broker, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"not ready after 0\.5 s \(--deploy-timeout\)"):
        broker.acquire(spec("--slow", "600", str(tmp_path), timeout=0.5))
    wait_for(lambda: with_argument(str(tmp_path)) == [])


def test_a_server_that_dies_later_is_diagnosed(broker: Broker) -> None:
    mortal = spec("--die-after", "0.5")
    broker.acquire(mortal)
    wait_for(lambda: broker.diagnose(mortal) is not None)
    assert "the server died: exit code 9" in (broker.diagnose(mortal) or "")


def test_a_dead_server_is_not_lent(broker: Broker) -> None:
    mortal = spec("--die-after", "0.5")
    broker.acquire(mortal)
    wait_for(lambda: broker.diagnose(mortal) is not None)
    for _ in range(2):
        with pytest.raises(DeploymentError, match="the server died: exit code 9"):
            broker.acquire(mortal)


def test_closing_sends_away_who_waits(broker: Broker, tmp_path: Path) -> None:
    caught: list[str] = []

    def ask() -> None:
        try:
            broker.acquire(spec("--slow", "600", str(tmp_path)))
        except DeploymentError as error:
            caught.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(lambda: with_argument(str(tmp_path)) != [])
    broker.close()
    thread.join(10)
    assert caught == ["the session is ending"]
    assert with_argument(str(tmp_path)) == []


def test_over_loopback(broker: Broker) -> None:
    server = BrokerServer(broker)
    remote = RemoteBroker(server.url, server.token)
    assert remote.acquire(spec()) == broker.acquire(spec())
    assert remote.diagnose(spec()) is None
    with pytest.raises(DeploymentError, match="RuntimeError: kaputt"):
        remote.acquire(spec("--fail", "kaputt"))
    with pytest.raises(DeploymentError, match="HTTP 403"):
        RemoteBroker(server.url, "guess").acquire(spec())
    server.close()
    with pytest.raises(DeploymentError, match="the session is ending"):
        remote.acquire(spec())


def test_equal_specifications_have_equal_keys() -> None:
    assert spec().key == spec().key != spec(name="other").key


ITEMS = {"one": "a", "two": "b", "three": "a"}


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


@pytest.fixture
def knowing(tmp_path: Path, words: list[str]) -> Iterator[Broker]:
    """A broker that knows which items there are."""
    broker = Broker(tmp_path / "servers", words.append, Demand(ITEMS))
    yield broker
    broker.close()


def test_what_no_item_needs_is_ended(knowing: Broker, words: list[str], tmp_path: Path) -> None:
    knowing.acquire(spec(str(tmp_path / "first"), group="a"))
    knowing.acquire(spec(str(tmp_path / "second"), group="b"))
    knowing.ended("one")
    knowing.ended("two")
    wait_for(lambda: with_argument(str(tmp_path / "second")) == [])
    assert len(with_argument(str(tmp_path / "first"))) > 0
    knowing.ended("three")
    wait_for(lambda: with_argument(str(tmp_path / "first")) == [])
    assert sum(line.startswith("no item needs it any more") for line in words) == 2


def test_a_group_alone_does_not_make_another_deployment(knowing: Broker) -> None:
    assert knowing.acquire(spec(group="a")) == knowing.acquire(spec(group="b"))
    knowing.ended("two")
    knowing.ended("one")
    assert knowing.diagnose(spec()) is None
    assert knowing.acquire(spec(group="a")).restarts == 0


def test_who_still_wants_it_gets_another_one(knowing: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SERVER_STARTS", str(tmp_path / "starts"))
    first = knowing.acquire(spec(group="b"))
    knowing.ended("two")
    second = knowing.acquire(spec(group="b"))
    assert len((tmp_path / "starts").read_text().split()) == 2
    assert Path(first.log).exists()
    assert second.log != first.log


@contextlib.contextmanager
def one_waits(knowing: Broker, port: int, words: list[str]) -> Iterator[Future[ServerAddress]]:
    """While the deployment on the port is in use, another one waits for it."""
    knowing.began("two")
    knowing.acquire(spec(name="first", port=port, group="b"))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(knowing.acquire, spec(name="second", port=port, group="a"))
        wait_for(lambda: any("waiting for the latter" in line for line in words))
        yield waiting


def test_one_port_is_used_in_turns(knowing: Broker, port: int, words: list[str]) -> None:
    with one_waits(knowing, port, words) as waiting:
        assert not waiting.done()
        knowing.ended("two")
        assert waiting.result(30).model_id == "second"


def test_what_is_idle_makes_room_though_items_need_it_later(
    knowing: Broker, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_nemo_eval.deployment.broker.PATIENCE_SECONDS", 0.2)
    for name, group in (("first", "a"), ("second", "b"), ("first", "a")):
        assert knowing.acquire(spec(name=name, port=port, group=group)).model_id == name


def test_who_would_wait_for_ever_is_told(broker: Broker, port: int) -> None:
    broker.acquire(spec(name="first", port=port))
    with pytest.raises(DeploymentError, match=r"second and first cannot be up together.*the latter is in use"):
        broker.acquire(spec(name="second", port=port))


def test_who_waits_too_long_is_told(knowing: Broker, port: int) -> None:
    knowing.began("two")
    knowing.acquire(spec(name="first", port=port, group="b"))
    with pytest.raises(DeploymentError, match="cannot be up together"):
        knowing.acquire(spec(name="second", port=port, group="a", timeout=0.3))
    knowing.ended("two")
    assert knowing.acquire(spec(name="second", port=port, group="a", timeout=30.0)).model_id == "second"


def test_closing_sends_away_who_waits_for_room(knowing: Broker, port: int, words: list[str]) -> None:
    with one_waits(knowing, port, words) as waiting:
        knowing.close()
        with pytest.raises(DeploymentError, match="the session is ending"):
            waiting.result(30)
