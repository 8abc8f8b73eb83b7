from __future__ import annotations

import logging

import msgspec
import pytest

from pytest_nemo_eval.chat import Request
from pytest_nemo_eval.interceptors.request_logging import RequestLogging, RequestLoggingConfig
from tests.interceptors.models import Model, ask, run

LOGGER = "pytest_nemo_eval.requests"


def logged(
    caplog: pytest.LogCaptureFixture, config: RequestLoggingConfig, *requests: Request, level: int = logging.INFO
) -> list[str]:
    interceptor, model = RequestLogging(config), Model()

    async def main() -> None:
        for request in requests:
            await interceptor(request, model)

    with caplog.at_level(level, LOGGER):
        run(main())
    assert model.asked == list(requests)
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


def test_the_first_two_requests(caplog: pytest.LogCaptureFixture) -> None:
    lines = logged(caplog, RequestLoggingConfig(), ask(temperature=0), ask("b", sample_id=""), ask("c"))
    assert lines == [
        "request of sample 's', repeat 0: /chat/completions "
        '{"messages": [{"role": "user", "content": "2 + 2?"}], "temperature": 0}',
        'request of no sample: /chat/completions {"messages": [{"role": "user", "content": "b"}]}',
    ]


def test_without_keys_and_without_length(caplog: pytest.LogCaptureFixture) -> None:
    headers = {"Authorization": "Bearer very-secret", "X-Api-Key": "very-secret", "X-Team": "a"}
    (line,) = logged(caplog, RequestLoggingConfig(), ask("q" * 5000).replace(headers=headers))
    assert "very-secret" not in line
    assert '"X-Team": "a"' in line
    assert "[3000 more characters]" in line
    assert len(line) < 2500


@pytest.mark.parametrize(
    ("config", "present", "absent"),
    [
        (RequestLoggingConfig(log_request_body=False), "X-Team", "messages"),
        (RequestLoggingConfig(log_request_headers=False), "messages", "X-Team"),
    ],
)
def test_parts(caplog: pytest.LogCaptureFixture, config: RequestLoggingConfig, present: str, absent: str) -> None:
    (line,) = logged(caplog, config, ask().replace(headers={"X-Team": "a"}))
    assert present in line
    assert absent not in line


@pytest.mark.parametrize(("most", "count"), [(None, 5), (0, 0), (3, 3)])
def test_max_requests(caplog: pytest.LogCaptureFixture, most: int | None, count: int) -> None:
    assert len(logged(caplog, RequestLoggingConfig(max_requests=most), *[ask()] * 5)) == count


def test_nothing_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    assert logged(caplog, RequestLoggingConfig(), ask(), level=logging.WARNING) == []


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"max_request": 1}, RequestLoggingConfig)
