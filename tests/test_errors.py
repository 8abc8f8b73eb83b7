from __future__ import annotations

from pytest_nemo_eval.errors import EndpointError, EvalError


class ParticularError(EndpointError):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")


def test_other_words_for_an_error_of_any_class() -> None:
    error: EvalError = ParticularError(3, "gone")
    assert str(error.with_words("3: gone, and the server died")) == "3: gone, and the server died"
    assert type(error.with_words("")) is ParticularError
