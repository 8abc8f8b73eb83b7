from __future__ import annotations

import msgspec
import pytest

from pytest_nemo_eval import Request
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.interceptors.drop_params import DropParams, DropParamsConfig
from tests.interceptors.asking import ask

Keys = dict[str, object]


def built(**keys: object) -> DropParams:
    return DropParams(msgspec.convert(keys, DropParamsConfig))


@pytest.mark.parametrize(
    ("params", "before", "after"),
    [
        (["seed"], {"seed": 1, "top_p": 0.5}, {"top_p": 0.5}),
        (["seed", "top_p"], {"seed": 1, "top_p": 0.5}, {}),
        (["seed"], {"top_p": 0.5}, {"top_p": 0.5}),
        (["seed"], {"seed": None}, {}),
        (["seed"], {"extra": {"seed": 1}}, {"extra": {"seed": 1}}),
        (["Seed"], {"seed": 1}, {"seed": 1}),
        (["stop"], {"stop": ["\n"], "n": 1}, {"n": 1}),
        ([], {"seed": 1}, {"seed": 1}),
        (["seed"], {}, {}),
    ],
)
def test_only_the_top_level_is_looked_at(params: list[str], before: Keys, after: Keys) -> None:
    for request in (Request(prompt="?", parameters=before), Request(parameters=before)):  # type: ignore[arg-type]
        sent, _ = ask(built(params=params), request)
        assert sent == request.replace(parameters=after)


@pytest.mark.parametrize("name", ["model", "messages", "prompt"])
def test_what_is_no_parameter_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"drop_params.params names '{name}'.*no parameter"):
        built(params=["seed", name])


@pytest.mark.parametrize("keys", [{}, {"params": "seed"}, {"params": [1]}, {"params": [], "param": []}])
def test_keys_are_strict(keys: Keys) -> None:
    with pytest.raises(msgspec.ValidationError):
        built(**keys)
