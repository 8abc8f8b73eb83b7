from __future__ import annotations

import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_nemo_eval.deployment import Broker, BrokerServer, DeploymentSpec, RemoteBroker
from pytest_nemo_eval.errors import DeploymentError
from pytest_nemo_eval.server import LogHint, Probe, ServerCommand
from tests import servers
from tests.processes import wait_for, with_argument

HINTS = (LogHint(text="kaputt", advice="buy a new one"),)


def spec(*arguments: str, timeout: float = 30.0, name: str = "m") -> DeploymentSpec:
    command = ServerCommand(
        argv=(sys.executable, servers.__file__, "--port", "{port}", "--served-model-name", name, *arguments),
        model_id=name,
        probe=Probe(paths=("/health", "/v1/models")),
        hints=HINTS,
    )
    return DeploymentSpec(command=command, timeout=timeout)


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
