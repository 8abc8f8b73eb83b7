"""Takes parameters out of requests that an endpoint does not know."""

from __future__ import annotations

from typing import ClassVar

from ..chat import Request, Response
from .base import CallNext, Config, Plain
from .payload_modifier import refuse_texts


class DropParamsConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        params: keys that are taken out of the top level of the parameters; model, messages and prompt are none.
    """

    params: tuple[str, ...]


class DropParams(Plain):
    """
    Raises:
        ConfigError: one of ``params`` is no parameter.
    """

    name: ClassVar[str] = "drop_params"
    changes_request: ClassVar[bool] = True

    def __init__(self, config: DropParamsConfig) -> None:
        refuse_texts("drop_params.params", config.params)
        self._params = frozenset(config.params)

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        left = {key: value for key, value in request.parameters.items() if key not in self._params}
        return await call_next(request.replace(parameters=left))
