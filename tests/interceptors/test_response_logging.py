from __future__ import annotations

import logging

import msgspec
import pytest

from pytest_nemo_eval.chat import Request, Response
from pytest_nemo_eval.errors import EndpointError
from pytest_nemo_eval.interceptors.response_logging import ResponseLogging, ResponseLoggingConfig
from tests.interceptors.models import Model, ask, run

LOGGER = "pytest_nemo_eval.requests"


def logged(caplog: pytest.LogCaptureFixture, config: ResponseLoggingConfig, model: Model, count: int = 1) -> list[str]:
    interceptor = ResponseLogging(config)

    async def main() -> None:
        for _ in range(count):
            await interceptor(ask(), model)

    with caplog.at_level(logging.INFO, LOGGER):
        run(main())
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


def test_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    assert logged(caplog, ResponseLoggingConfig(), Model()) == [
        "response for sample 's', repeat 0: "
        '{"text": "answer 1 to 2 + 2?", "finish_reason": "stop", '
        '"usage": {"prompt_tokens": 10, "completion_tokens": 5}, "seconds": 0.25}'
    ]


@pytest.mark.parametrize(
    ("config", "present", "absent"),
    [
        (ResponseLoggingConfig(log_response_body=False), "finish_reason", "answer"),
        (ResponseLoggingConfig(log_response_headers=False), "answer", "finish_reason"),
    ],
)
def test_parts(caplog: pytest.LogCaptureFixture, config: ResponseLoggingConfig, present: str, absent: str) -> None:
    (line,) = logged(caplog, config, Model())
    assert present in line
    assert absent not in line


@pytest.mark.parametrize(("most", "count"), [(None, 5), (0, 0), (3, 3)])
def test_max_responses(caplog: pytest.LogCaptureFixture, most: int | None, count: int) -> None:
    assert len(logged(caplog, ResponseLoggingConfig(max_responses=most), Model(), 5)) == count


def test_errors_are_logged_and_go_on(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(EndpointError):
        logged(caplog, ResponseLoggingConfig(), Model(EndpointError("gone")))
    assert caplog.messages == ['no response for sample \'s\', repeat 0: {"error": "EndpointError", "message": "gone"}']


def test_long_answers_are_cut_and_stay_whole(caplog: pytest.LogCaptureFixture) -> None:
    whole = Response(text="t" * 5000, reasoning="r" * 5000)

    async def model(request: Request) -> Response:
        return whole

    with caplog.at_level(logging.INFO, LOGGER):
        assert run(ResponseLogging(ResponseLoggingConfig())(ask(), model)) is whole
    assert len(caplog.messages[0]) < 4500


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"max_response": 1}, ResponseLoggingConfig)
