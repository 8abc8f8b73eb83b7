from __future__ import annotations

import logging

import msgspec
import pytest

from pytest_nemo_eval.interceptors.log_tokens import LogTokens, LogTokensConfig
from tests.interceptors.models import Model, ask, run

LOGGER = "pytest_nemo_eval.requests"


@pytest.mark.parametrize(
    ("level", "lines"),
    [(logging.DEBUG, ["tokens of sample 's', repeat 0: 10 prompt + 5 completion = 15"]), (logging.INFO, [])],
)
def test_tokens(caplog: pytest.LogCaptureFixture, level: int, lines: list[str]) -> None:
    async def main() -> str:
        return (await LogTokens()(ask(), Model())).text

    with caplog.at_level(level, LOGGER):
        assert run(main()) == "answer 1 to 2 + 2?"
    assert [record.getMessage() for record in caplog.records if record.name == LOGGER] == lines


def test_it_has_no_keys() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"every": 1}, LogTokensConfig)
