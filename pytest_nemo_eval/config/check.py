"""Holds a document against the settings' types: what is wrong, where, and which key was meant."""

from __future__ import annotations

import difflib
import enum
import types
import typing
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from ..chat import Json
from ..errors import ConfigError
from .base import Settings
from .document import Document, KeyPath
from .settings import SuiteSettings

OTHER_NAMES: Mapping[str, str] = {
    "defaults": "write the sections into this file: configurations are not composed here",
    "services": "the sections here are deployment and target",
    "benchmarks": "evaluation.tasks",
    "cluster": "execution",
    "deployment.checkpoint_path": "deployment.model_path",
    "deployment.hf_model_handle": "deployment.model_path",
    "deployment.tensor_parallel_size": "deployment.tensor_parallelism",
    "deployment.pipeline_parallel_size": "deployment.pipeline_parallelism",
    "deployment.data_parallel_size": "deployment.data_parallelism",
    "deployment.extra_args": "deployment.server_args",
    "deployment.env_vars": "deployment.environment",
    "deployment.backend": "deployment.type",
    "execution.type": "execution.backend",
    "execution.executor": "execution.backend",
    "execution.walltime": "execution.time_limit",
    "execution.num_nodes": "execution.nodes",
    "execution.gres": "execution.gpus_per_node",
    "execution.output_dir": "the option --eval-output",
    "evaluation.overrides": "params of a task",
    "target.api_endpoint.api_key_env": "target.api_endpoint.api_key_name",
    "adapter_config.endpoint_type": "target.api_endpoint.type",
    "adapter_config.discovery": "an interceptor of your own is named by its path, MODULE:NAME",
    "adapter_config.log_failed_requests": "the interceptor response_logging, which logs errors too, or http_pairs_dump",
    "adapter_config.extra_body": "params_to_add",
    "adapter_config.extra_headers": "headers_to_add, or target.api_endpoint.headers",
    "adapter_config.request_timeout": "params.request_timeout of a task",
    "adapter_config.max_retries": "params.max_retries of a task",
    "adapter_config.retry_on_status": "408, 409, 425, 429 and every 5xx are sent again",
    "adapter_config.max_concurrent_upstream": "params.parallelism of a task",
    "adapter_config.model_traffic": "the Run holds questions and replies; the interceptor http_pairs_dump keeps pairs",
    "adapter_config.finish_reason_fixup": "the interceptor finish_reason",
    "adapter_config.verbose": "the interceptor logging",
    "tasks.early_stop": "not in this version",
    "tasks.limit": "params.limit_samples",
    "tasks.limit_samples": "params.limit_samples",
    "tasks.n_samples": "repeats",
    "tasks.fewshot": "num_fewshot",
    "tasks.threshold": "gates, such as gates: {accuracy: {min: 0.55}}",
    "params.limit": "params.limit_samples",
    "params.max_tokens": "params.max_new_tokens",
    "params.num_fewshot": "num_fewshot of the task",
}
"""Keys of NeMo's launcher and evaluator, and near misses, with our name for them."""

Problem = tuple[KeyPath, str]
Section = TypeVar("Section", bound=Settings)


def check_document(document: Document) -> SuiteSettings:
    """The document as typed settings.

    Raises:
        ConfigError: every problem, a line each: file, line, key, what is wrong, the nearest known key.
    """
    return convert_values(document.values, document, SuiteSettings)


def convert_values(values: Mapping[str, Json], document: Document, kind: type[Section]) -> Section:
    """The same for any section, and for values that overrides were laid over; their lines are the document's."""
    problems = list(_problems(dict(values), kind, ()))
    if problems:
        raise ConfigError("\n".join(f"{document.place(key)}: {text}" for key, text in problems))
    return msgspec.convert(values, kind)


def _problems(value: Json, kind: object, key: KeyPath) -> Iterator[Problem]:
    """Every problem of ``value`` as a ``kind``; descends into sections, lists and mappings of sections."""
    section, container = _section_of(kind)
    if section is None or value is None:
        yield from _leaf_problems(value, kind, key)
    elif container is tuple and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _section_problems(item, section, (*key, index))
    elif container is Mapping and isinstance(value, dict):
        for name, item in value.items():
            yield from _section_problems(item, section, (*key, name))
    elif container is None:
        yield from _section_problems(value, section, key)
    else:
        yield key, f"{_dotted(key)} should be {'a list' if container is tuple else 'a mapping'}, not {_show(value)}"


def _section_problems(value: Json, section: type[Settings], key: KeyPath) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield key, f"{_dotted(key) or 'the file'} should be a mapping of {_names(section)}, not {_show(value)}"
        return
    hints = typing.get_type_hints(section, include_extras=True)
    required = {field.name for field in msgspec.structs.fields(section) if field.required}
    for name, item in value.items():
        if name not in hints:
            yield (*key, name), _unknown(name, section, key)
        else:
            yield from _problems(item, hints[name], (*key, name))
    for name in sorted(required - set(value)):
        yield key, f"{_dotted(key)} lacks the key {name}"


def _leaf_problems(value: Json, kind: object, key: KeyPath) -> Iterator[Problem]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason = str(error).split(" - at ")[0].replace("`", "")
        for choices in (kind, *typing.get_args(kind)):
            if isinstance(choices, type) and issubclass(choices, enum.Enum):
                reason = f"should be one of {', '.join(member.value for member in choices)}"
        secret = key[-1:] == ("api_key",) or "headers" in key
        yield key, f"{_dotted(key)}: {reason[0].lower()}{reason[1:]}" + ("" if secret else f" (it is {_show(value)})")


def _section_of(kind: object) -> tuple[type[Settings] | None, object]:
    """The section inside a type, and what holds it: None, tuple or Mapping."""
    if isinstance(kind, type) and issubclass(kind, Settings):
        return kind, None
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        for argument in arguments:
            section, container = _section_of(argument)
            if section is not None:
                return section, container
    elif origin is tuple and arguments:
        return _section_of(arguments[0])[0], tuple
    elif arguments and isinstance(origin, type) and issubclass(origin, Mapping):
        return _section_of(arguments[1])[0], Mapping
    return None, None


def _unknown(name: str, section: type[Settings], key: KeyPath) -> str:
    parents = [part for part in key if isinstance(part, str)]
    for parent in (".".join(parents), parents[-1] if parents else ""):
        meant = OTHER_NAMES.get(f"{parent}.{name}" if parent else name)
        if meant:
            return f"unknown key {_dotted((*key, name))}; here it is: {meant}"
    near = difflib.get_close_matches(name, section.__struct_fields__, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known keys: {_names(section)}"
    return f"unknown key {_dotted((*key, name))}; {hint}"


def _names(section: type[Settings]) -> str:
    return ", ".join(section.__struct_fields__)


def _dotted(key: KeyPath) -> str:
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _show(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
