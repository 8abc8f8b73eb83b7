from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval.client.retry import LONGEST_WAIT, RetryPolicy, asked_wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-1", None),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("Fri, 31 Dec 1999 23:59:59 -0000", 0.0),
        ("Fri, 99 Dec 1999 23:59:59 GMT", None),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
    ],
)
def test_what_a_server_asks_for(header: str | None, seconds: float | None) -> None:
    assert asked_wait(header) == seconds


def test_a_date_far_away_is_bounded_as_seconds_are() -> None:
    asked = asked_wait("Fri, 31 Dec 2999 23:59:59 GMT")
    assert asked is not None
    assert asked > LONGEST_WAIT
    assert RetryPolicy().wait(0, asked) == RetryPolicy().wait(0, 1e9) == LONGEST_WAIT


@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,12} Dec [0-9]{1,5} [0-9:]{1,9} [-+A-Z0-9]{1,9}"))
def test_any_header_is_a_wait_or_none(header: str) -> None:
    asked = asked_wait(header)
    assert asked is None or asked >= 0
