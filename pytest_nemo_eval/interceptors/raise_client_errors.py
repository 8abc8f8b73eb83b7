"""Ends a benchmark at the first request that its endpoint refuses."""

from __future__ import annotations

from typing import ClassVar

from ..chat import Request, Response
from ..errors import AccessError, ConfigError, EndpointError
from .base import CallNext, Config, Plain


class RaiseClientErrorsConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        status_codes: HTTP statuses that end the benchmark, besides those of the range.
        exclude_status_codes: those of the range that do not.
        status_code_range_start: the range's first.
        status_code_range_end: the range's last.
    """

    status_codes: tuple[int, ...] | None = None
    exclude_status_codes: tuple[int, ...] | None = (408, 429)
    status_code_range_start: int = 400
    status_code_range_end: int = 499


class RaiseClientErrors(Plain):
    """Makes an error of one sample one of the whole benchmark; what is worth a retry has been sent again by then.

    Raises:
        ConfigError: a status that is to end the benchmark and not to, or a range that holds none.
    """

    name: ClassVar[str] = "raise_client_errors"

    def __init__(self, config: RaiseClientErrorsConfig) -> None:
        first, last = config.status_code_range_start, config.status_code_range_end
        named, excluded = set(config.status_codes or ()), set(config.exclude_status_codes or ())
        if named & excluded:
            raise ConfigError(
                "raise_client_errors: both status_codes and exclude_status_codes name "
                f"{', '.join(map(str, sorted(named & excluded)))}"
            )
        if first > last:
            raise ConfigError(f"raise_client_errors: the range from {first} to {last} holds no status")
        self._fatal = frozenset((set(range(first, last + 1)) - excluded) | named)

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        try:
            return await call_next(request)
        except AccessError:
            raise
        except EndpointError as error:
            if error.status not in self._fatal:
                raise
            fatal = AccessError(f"{error} (raise_client_errors ends the benchmark on HTTP {error.status})")
            fatal.status = error.status
            raise fatal from None
