from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pytest_nemo_eval import Client, Endpoint
from pytest_nemo_eval.client import Pool, RetryPolicy
from pytest_nemo_eval.errors import AccessError, ConfigError, EndpointError, InterceptorError, RejectedRequestError
from pytest_nemo_eval.interceptors.raise_client_errors import RaiseClientErrors, RaiseClientErrorsConfig
from tests.fake_endpoint import Reply, serving
from tests.interceptors.asking import ask


def built(**keys: object) -> RaiseClientErrors:
    return RaiseClientErrors(msgspec.convert(keys, RaiseClientErrorsConfig))


def failed(status: int | None, kind: type[EndpointError] = RejectedRequestError) -> EndpointError:
    error = kind("it said no")
    error.status = status
    return error


@pytest.mark.parametrize(
    ("keys", "status", "ends"),
    [
        *(({}, status, True) for status in (400, 404, 409, 413, 422, 499)),
        *(({}, status, False) for status in (None, 300, 399, 408, 429, 500, 503)),
        ({"status_codes": [503]}, 503, True),
        ({"status_codes": [503]}, 500, False),
        ({"status_codes": [503]}, 400, True),
        ({"exclude_status_codes": [422]}, 422, False),
        ({"exclude_status_codes": [422]}, 429, True),
        ({"exclude_status_codes": []}, 408, True),
        ({"exclude_status_codes": None}, 429, True),
        ({"status_codes": [429], "exclude_status_codes": [408]}, 429, True),
        ({"status_code_range_start": 500, "status_code_range_end": 599}, 500, True),
        ({"status_code_range_start": 500, "status_code_range_end": 599}, 400, False),
        ({"status_code_range_start": 422, "status_code_range_end": 422}, 422, True),
    ],
)
@pytest.mark.parametrize("kind", [RejectedRequestError, EndpointError])
def test_which_statuses_end_the_benchmark(
    keys: dict[str, Any], status: int | None, ends: bool, kind: type[EndpointError]
) -> None:
    error = failed(status, kind)
    with pytest.raises(EndpointError) as caught:
        ask(built(**keys), answer=error)
    assert caught.value.status == status
    if ends:
        assert type(caught.value) is AccessError
        assert str(caught.value) == f"it said no (raise_client_errors ends the benchmark on HTTP {status})"
    else:
        assert caught.value is error


def test_what_ends_the_benchmark_anyway_keeps_its_words() -> None:
    error = failed(401, AccessError)
    with pytest.raises(AccessError) as caught:
        ask(built(), answer=error)
    assert caught.value is error


def test_what_is_no_error_of_the_endpoint_passes() -> None:
    with pytest.raises(InterceptorError, match="ZeroDivisionError"):
        ask(built(), answer=ZeroDivisionError())
    assert ask(built())[1].text == "4"


@pytest.mark.parametrize(
    ("status", "asked", "kind"), [(400, 1, AccessError), (429, 2, EndpointError), (500, 2, EndpointError)]
)
def test_around_a_client(status: int, asked: int, kind: type[EndpointError]) -> None:
    pool = Pool()
    try:
        with serving(lambda _: Reply(status=status, content=b'{"error": {"message": "too long"}}')) as fake:
            retry = RetryPolicy(retries=1, first_wait=0.01)
            with pytest.raises(EndpointError, match=f"HTTP {status}: too long") as caught:
                Client(Endpoint(fake.url, "m"), [built()], pool, retry, timeout=5).ask("?")
            pool.close_connections()
        assert (type(caught.value), len(fake.requests)) == (kind, asked)
    finally:
        pool.close()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"status_codes": [429, 400]}, "both status_codes and exclude_status_codes name 429"),
        ({"status_code_range_start": 500}, "the range from 500 to 499 holds no status"),
    ],
)
def test_settings_that_cannot_be(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        built(**keys)


@pytest.mark.parametrize("keys", [{"statuses": [400]}, {"status_codes": 400}, {"status_codes": ["400"]}])
def test_keys_are_strict(keys: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        built(**keys)
