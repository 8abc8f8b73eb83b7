from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_nemo_eval.chat import Request
from pytest_nemo_eval.errors import ConfigError, EndpointError
from pytest_nemo_eval.interceptors.http_pairs_dump import HttpPairsDump, HttpPairsDumpConfig
from tests.interceptors.models import Model, ask, run
from tests.processes import wait_for


def dump(path: Path, first_n: int = 50) -> HttpPairsDump:
    return HttpPairsDump(HttpPairsDumpConfig(dump_path=str(path), first_n=first_n))


def after(dump: HttpPairsDump, model: Model, *requests: Request) -> HttpPairsDump:
    async def main() -> None:
        await asyncio.gather(*(dump(request, model) for request in requests), return_exceptions=True)

    run(main())
    return dump


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_pair(tmp_path: Path) -> None:
    path = tmp_path / "made" / "pairs.json"
    request = ask(temperature=0, sample_id="q1", repeat=2).replace(headers={"X-Team": "a"})
    pairs = after(dump(path), Model(), request)
    pairs.close()
    assert read(path) == {
        "metrics": {"answers": 1, "errors": {}},
        "pairs": [
            {
                "sample_id": "q1",
                "repeat": 2,
                "path": "/chat/completions",
                "request": {
                    "headers": {"X-Team": "a"},
                    "body": {"messages": [{"role": "user", "content": "2 + 2?"}], "temperature": 0},
                },
                "response": {
                    "text": "answer 1 to 2 + 2?",
                    "finish_reason": "stop",
                    "usage": {"prompt_tokens": 10, "completion_tokens": 5},
                    "seconds": 0.25,
                },
            }
        ],
    }
    assert pairs.report() == {"path": str(path), "pairs": 1}


def test_the_first_n_and_every_error(tmp_path: Path) -> None:
    path, model = tmp_path / "pairs.json", Model()
    pairs = after(dump(path, 3), model, *[ask(str(number)) for number in range(10)])
    model.error = EndpointError("gone")
    after(pairs, model, *[ask(str(number)) for number in range(5)])
    pairs.close()
    document = read(path)
    assert document["metrics"] == {"answers": 10, "errors": {"EndpointError": 5}}
    assert ["response" in pair for pair in document["pairs"]] == [True] * 3 + [False] * 5
    assert document["pairs"][-1]["error"] == {"error": "EndpointError", "message": "gone"}


def test_answers_that_are_not_kept_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "pairs.json"
    after(dump(path, 1), Model(), *[ask()] * 9).close()
    assert read(path)["metrics"]["answers"] == 9
    assert len(read(path)["pairs"]) == 1


def test_errors_go_on(tmp_path: Path) -> None:
    pairs = dump(tmp_path / "pairs.json")
    with pytest.raises(EndpointError):
        run(pairs(ask(), Model(EndpointError("gone"))))
    pairs.close()


def test_256_at_once_keep_their_own(tmp_path: Path) -> None:
    path = tmp_path / "pairs.json"
    after(dump(path, 256), Model(), *[ask(f"<{number}>", sample_id=str(number)) for number in range(256)]).close()
    for pair in read(path)["pairs"]:
        assert pair["request"]["body"]["messages"][0]["content"] == f"<{pair['sample_id']}>"
        assert pair["response"]["text"].endswith(f"<{pair['sample_id']}>")


def test_no_keys_and_no_media(tmp_path: Path) -> None:
    path = tmp_path / "pairs.json"
    image = "data:image/png;base64," + "A" * 10_000
    headers = {"Authorization": "Bearer very-secret", "x-api-key": "very-secret"}
    request = ask(f"see {image}", api_key="very-secret").replace(headers=headers)
    after(dump(path), Model(EndpointError("refused: Bearer very-secret-very-secret")), request).close()
    text = path.read_text()
    assert "very-secret" not in text
    assert "A" * 100 not in text
    assert "[10000 characters]" in text


def test_it_is_written_now_and_then(tmp_path: Path) -> None:
    path, now = tmp_path / "pairs.json", [0.0]
    pairs = HttpPairsDump(HttpPairsDumpConfig(dump_path=str(path)), lambda: now[0])
    after(pairs, Model(), ask())
    wait_for(lambda: path.exists() and not pairs._file.busy)
    after(pairs, Model(), ask())
    assert len(read(path)["pairs"]) == 1
    now[0] = 60.0
    after(pairs, Model(), ask())
    wait_for(lambda: len(read(path)["pairs"]) == 3)
    after(pairs, Model(), ask())
    pairs.close()
    pairs.close()
    assert len(read(path)["pairs"]) == 4
    assert os.listdir(tmp_path) == ["pairs.json"]


def test_nothing_asked_writes_nothing(tmp_path: Path) -> None:
    dump(tmp_path / "pairs.json").close()
    assert not list(tmp_path.iterdir())


def test_a_file_for_each_process(tmp_path: Path) -> None:
    after(dump(tmp_path / "pairs-{pid}.json"), Model(), ask()).close()
    assert os.listdir(tmp_path) == [f"pairs-{os.getpid()}.json"]


def test_half_a_surrogate_pair_is_json_too(tmp_path: Path) -> None:
    path = tmp_path / "pairs.json"
    after(dump(path), Model(), ask("é \ud800")).close()
    assert read(path)["pairs"][0]["request"]["body"]["messages"][0]["content"] == "é \ud800"


def test_a_path_that_cannot_be_written_fails_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    model = Model()
    pairs = after(dump(tmp_path / "file" / "pairs.json"), model, ask())
    pairs.close()
    assert len(model.asked) == 1
    assert "cannot be written" in str(pairs.report()["failure"])
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "dump_path"),
        ({"dump_path": ""}, "dump_path is empty"),
        ({"dump_path": "x", "first_n": -1}, "number of pairs"),
        ({"dump_path": "x", "last_n": 1}, "unknown field"),
    ],
)
def test_refused_keys(keys: dict[str, object], words: str) -> None:
    with pytest.raises((ConfigError, msgspec.ValidationError), match=words):
        msgspec.convert(keys, HttpPairsDumpConfig)
