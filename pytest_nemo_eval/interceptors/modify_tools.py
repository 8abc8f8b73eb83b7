"""Takes properties out of the tools that a model may call, and adds others."""

from __future__ import annotations

import copy
from typing import ClassVar

from ..chat import Json, Request, Response
from .base import CallNext, Config, Plain


class ModifyToolsConfig(Config, frozen=True, kw_only=True):
    """
    Attributes:
        strip_properties: names that are taken out of each tool's properties, and out of those that it requires.
        add_properties: name to JSON schema; a property that a tool has is left alone.
    """

    strip_properties: tuple[str, ...] | None = None
    add_properties: dict[str, dict[str, Json]] | None = None


class ModifyTools(Plain):
    """Works on ``parameters["tools"]``; what has no properties there stays as it is."""

    name: ClassVar[str] = "modify_tools"
    changes_request: ClassVar[bool] = True

    def __init__(self, config: ModifyToolsConfig) -> None:
        self._strip = frozenset(config.strip_properties or ())
        self._add = config.add_properties or {}

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        tools = request.parameters.get("tools")
        if not isinstance(tools, list):
            return await call_next(request)
        changed: Json = [self._tool(tool) for tool in tools]
        return await call_next(request.replace(parameters={**request.parameters, "tools": changed}))

    def _tool(self, tool: Json) -> Json:
        """A tool's schema stands under ``function``, or in older servers' form right in it."""
        if not isinstance(tool, dict):
            return tool
        function = tool.get("function")
        if isinstance(function, dict):
            return {**tool, "function": self._function(function)}
        return self._function(tool)

    def _function(self, function: dict[str, Json]) -> dict[str, Json]:
        parameters = function.get("parameters")
        if not isinstance(parameters, dict):
            return function
        properties, required = parameters.get("properties"), parameters.get("required")
        if not isinstance(properties, dict):
            return function
        left = {name: schema for name, schema in properties.items() if name not in self._strip}
        added: dict[str, Json] = {name: copy.deepcopy(schema) for name, schema in self._add.items() if name not in left}
        changed: dict[str, Json] = {**parameters, "properties": {**left, **added}}
        if isinstance(required, list):
            changed["required"] = [name for name in required if name not in self._strip]
        return {**function, "parameters": changed}
