"""YAML text to plain values that remember their lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ..chat import Json
from ..errors import ConfigError

if TYPE_CHECKING:
    from .models import Model

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the top of a document."""

_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_MAP = "tag:yaml.org,2002:map"
_SEQ = "tag:yaml.org,2002:seq"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True)
class Document:
    """A suite file as read: its values, and the line (from 1) of every key and list entry.

    Attributes:
        unused: overrides of tasks that the file does not have.
        models: that it lists, where there are several.
    """

    path: Path
    values: dict[str, Json]
    lines: Mapping[KeyPath, int]
    unused: tuple[str, ...] = ()
    models: tuple[Model, ...] = ()

    def place(self, key: KeyPath) -> str:
        """``FILE:LINE`` of a key, or of the nearest key around it that the file has."""
        for end in range(len(key), 0, -1):
            if key[:end] in self.lines:
                return f"{self.path}:{self.lines[key[:end]]}"
        return str(self.path)


class _Loader(yaml.SafeLoader):
    """Safe YAML whose numbers are YAML 1.2's: ``02:00:00`` is text, not 7200; ``1e-3`` is a number; dates are text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_INT, _FLOAT, _TIMESTAMP)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT, re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"), list("-+0123456789.")
)


def top_keys(path: Path) -> set[str]:
    """The keys at the top of a YAML file; none of what cannot be read, or is something else."""
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return set()
    return {str(key.value) for key, _ in node.value} if isinstance(node, yaml.MappingNode) else set()


SECTIONS = "the sections deployment, execution, evaluation, target"


def read_document(path: Path, holds: str = SECTIONS) -> Document:
    """Read a suite file, or another that ``holds`` what an error then says.

    Raises:
        ConfigError: unreadable, not YAML, a key twice, or not a mapping at the top; with file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines: dict[KeyPath, int] = {}
            values = {} if node is None else _construct(loader, node, (), lines, path)
        finally:
            loader.dispose()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply: does an alias (*NAME) stand inside its own anchor?") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{where}: is not YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: should hold {holds}")
    return Document(path, values, lines)


def parse_value(text: str) -> Json:
    """The value of an override such as ``KEY=VALUE``, read as YAML.

    Raises:
        ConfigError: not YAML.
    """
    try:
        loader = _Loader(text)
    except yaml.YAMLError:
        return text  # a control character in it
    try:
        node = loader.get_single_node()
        return None if node is None else _construct(loader, node, (), {}, Path("the command line"))
    except (yaml.YAMLError, RecursionError):
        return text  # a lone value with a colon or a bracket in it, such as a prompt
    finally:
        loader.dispose()


def _construct(loader: _Loader, node: yaml.Node, key: KeyPath, lines: dict[KeyPath, int], path: Path) -> Json:
    lines.setdefault(key, node.start_mark.line + 1)
    if not isinstance(node, yaml.ScalarNode) and node.tag not in (_MAP, _SEQ):
        raise ConfigError(f"{path}:{node.start_mark.line + 1}: is not YAML that is read here: the tag {node.tag}")
    if isinstance(node, yaml.MappingNode):
        own = [(k.value, k.start_mark.line + 1) for k, _ in node.value if isinstance(k, yaml.ScalarNode)]
        for index, (name, line) in enumerate(own):
            if name != "<<" and any(name == before for before, _ in own[:index]):
                raise ConfigError(f"{path}:{line}: the key {name} stands here a second time")
        loader.flatten_mapping(node)
        result: dict[str, Json] = {}
        for name_node, value_node in node.value:
            name = str(name_node.value)
            here: KeyPath = (*key, name)
            lines[here] = name_node.start_mark.line + 1
            result[name] = _construct(loader, value_node, here, lines, path)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_construct(loader, item, (*key, index), lines, path) for index, item in enumerate(node.value)]
    value: Json = loader.construct_object(node)
    return value
