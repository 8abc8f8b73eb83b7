"""A suite file with its overrides, read and checked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from ..chat import Json
from ..endpoint import SECRET_HEADERS
from ..errors import ConfigError
from .check import check_document, convert_values
from .document import Document, parse_value, read_document
from .models import put_back, set_aside, take_models
from .settings import DatasetSettings, SuiteSettings, TaskSettings

SECTIONS = ("deployment", "execution", "evaluation", "target")
_VARIABLE = re.compile(r"\$\{(?:oc\.env:)?([A-Za-z_][A-Za-z0-9_]*)\}")
_TASK = re.compile(r"evaluation\.tasks\.([^.=]+)")


def read_suite(path: Path, overrides: Sequence[str] = ()) -> tuple[SuiteSettings, Document]:
    """Read a suite file and lay ``KEY=VALUE`` overrides over it.

    ``${NAME}`` in ``deployment``, ``execution``, ``target`` and a data set's path is the environment's; the paths of
    data sets are taken from the file's folder. An override of a task that the file lacks is left out.

    Raises:
        ConfigError: what is wrong, with file and line.
    """
    document = read_document(path)
    _spell_out(document.values)
    lists = set_aside(document.values, document)
    check_document(document)
    put_back(document.values, lists)
    values = dict(document.values)
    unused = _apply_all(values, overrides, path)
    _spell_out(values)
    _expand_sections(values, document)
    models = take_models(values, document)
    settings = convert_values(values, document, SuiteSettings)
    _refuse_literal_key(settings, document)
    _refuse_literal_headers(settings, document)
    tasks = tuple(_with_paths(task, path.parent) for task in settings.evaluation.tasks)
    evaluation = msgspec.structs.replace(settings.evaluation, tasks=tasks)
    return msgspec.structs.replace(settings, evaluation=evaluation), replace(
        document, values=values, unused=unused, models=models
    )


def _apply_all(values: dict[str, Json], overrides: Sequence[str], path: Path) -> tuple[str, ...]:
    """Lay overrides over a file's values; those of tasks that it does not have are returned."""
    unused = []
    for override in overrides:
        task = task_of_override(override)
        if task is not None and not _has_task(values, task):
            unused.append(override)
            continue
        try:
            apply_override(values, override)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None
    return tuple(unused)


def task_of_override(override: str) -> str | None:
    """The task that an override changes, by name or index; None where it changes something else."""
    match = _TASK.match(override)
    return match[1] if match else None


def _has_task(values: dict[str, Json], task: str) -> bool:
    evaluation = values.get("evaluation")
    tasks = evaluation.get("tasks") if isinstance(evaluation, dict) else None
    if not isinstance(tasks, list):
        return False
    try:
        _entry(tasks, task, task)
    except ConfigError:
        return False
    return True


def settings_of(overrides: Sequence[str]) -> SuiteSettings:
    """What overrides alone say, for tests in Python, which have no suite file.

    Raises:
        ConfigError: an override that no suite file could hold.
    """
    values: dict[str, Json] = {}
    for override in overrides:
        if not override.startswith("evaluation."):
            apply_override(values, override)
    _spell_out(values)
    document = Document(Path("the command line"), values, {})
    if set_aside(values, document):
        raise ConfigError(
            "a list of models stands in a suite file; here, give --model-path, --model-url, --model-id each"
        )
    _expand_sections(values, document)
    settings = convert_values(values, document, SuiteSettings)
    _refuse_literal_key(settings, document)
    _refuse_literal_headers(settings, document)
    return settings


def apply_override(values: dict[str, Json], override: str) -> None:
    """Set one dotted key, such as ``deployment.port=9000`` or ``evaluation.tasks.gsm8k.params.limit_samples=50``.

    Entries of a list are named by index, or by their ``name``.

    Raises:
        ConfigError: not KEY=VALUE, or a key that leads nowhere.
    """
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or parts[0] not in SECTIONS or len(parts) < 2:
        shown = key if equals else "the override"
        raise ConfigError(f"{shown}: should be KEY=VALUE with a dotted key, such as deployment.port=9000")
    place: Json = values
    for index, part in enumerate(parts[:-1]):
        place = _step(place, part, ".".join(parts[: index + 1]))
    if isinstance(place, list):
        place[_entry(place, parts[-1], key)] = parse_value(text)
    elif isinstance(place, dict):
        place[parts[-1]] = parse_value(text)


def _step(place: Json, part: str, key: str) -> Json:
    if isinstance(place, dict):
        if not isinstance(place.get(part), (dict, list)):
            place[part] = {}
        return place[part]
    if isinstance(place, list):
        return place[_entry(place, part, key)]
    raise ConfigError(f"{key}: leads nowhere")


def _entry(entries: list[Json], part: str, key: str) -> int:
    names = [entry.get("name") if isinstance(entry, dict) else entry for entry in entries]
    if part in names:
        return names.index(part)
    if part.isdigit() and int(part) < len(entries):
        return int(part)
    raise ConfigError(f"{key}: the list has no entry {part}; it has {', '.join(map(str, names)) or 'none'}")


def _spell_out(values: dict[str, Json]) -> None:
    """``tasks: [gsm8k]`` as ``tasks: [{name: gsm8k}]``, and so interceptors and hooks."""
    _name_entries(values.get("evaluation"), "tasks")
    evaluation = values.get("evaluation")
    tasks = evaluation.get("tasks") if isinstance(evaluation, dict) else None
    for task in tasks if isinstance(tasks, list) else ():
        _name_entries(task, "interceptors")
    target = values.get("target")
    endpoint = target.get("api_endpoint") if isinstance(target, dict) else None
    adapter = endpoint.get("adapter_config") if isinstance(endpoint, dict) else None
    _name_entries(adapter, "interceptors")
    _name_entries(adapter, "post_eval_hooks")


def _name_entries(section: Json, key: str) -> None:
    entries = section.get(key) if isinstance(section, dict) else None
    if isinstance(section, dict) and isinstance(entries, list):
        section[key] = [{"name": entry} if isinstance(entry, str) else entry for entry in entries]


def _expand_sections(values: dict[str, Json], document: Document) -> None:
    _refuse_variables_in_flags(values, document)
    for section in ("deployment", "execution", "target"):
        if section in values:
            values[section] = _expand(values[section], document)


def _refuse_variables_in_flags(values: dict[str, Json], document: Document) -> None:
    """A command line is seen by everybody: in the list of processes, the server's log and the Run."""
    deployment = values.get("deployment")
    flags = deployment.get("server_args") if isinstance(deployment, dict) else None
    for name, value in flags.items() if isinstance(flags, dict) else ():
        if isinstance(value, str) and "${" in value:
            where = document.place(("deployment", "server_args", name))
            raise ConfigError(
                f"{where}: deployment.server_args.{name} holds a variable ({value}), but everybody can see a command "
                "line: hand it to the server in deployment.environment"
            )


def _expand(value: Json, document: Document) -> Json:
    if isinstance(value, dict):
        return {
            name: item if name in ("api_key", "headers") else _expand(item, document) for name, item in value.items()
        }
    if isinstance(value, list):
        return [_expand(item, document) for item in value]
    return expand_variables(value, str(document.path)) if isinstance(value, str) else value


def expand_variables(text: str, where: str) -> str:
    """``text`` with each ``${NAME}`` replaced out of the environment.

    Raises:
        ConfigError: a variable that is not set.
    """

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise ConfigError(f"{where}: the environment variable {match[1]} is not set")
        return os.environ[match[1]]

    return _VARIABLE.sub(value_of, text)


def _refuse_literal_key(settings: SuiteSettings, document: Document) -> None:
    key = settings.target.api_endpoint.api_key if settings.target else None
    if key is not None and not _VARIABLE.fullmatch(key):
        where = document.place(("target", "api_endpoint", "api_key"))
        raise ConfigError(
            f"{where}: target.api_endpoint.api_key holds a key: write the variable that does, as ${{NAME}}"
        )


def _refuse_literal_headers(settings: SuiteSettings, document: Document) -> None:
    headers = settings.target.api_endpoint.headers if settings.target else {}
    for name, value in headers.items():
        if _VARIABLE.search(value) and not _VARIABLE.fullmatch(value):
            where = document.place(("target", "api_endpoint", "headers", name))
            raise ConfigError(
                f"{where}: the header {name} mixes text and a variable: put the whole value into the variable, and "
                "write ${NAME} alone"
            )
        if name.lower() in SECRET_HEADERS and not _VARIABLE.fullmatch(value):
            where = document.place(("target", "api_endpoint", "headers", name))
            raise ConfigError(f"{where}: the header {name} holds a key: write the variable that does, as ${{NAME}}")


def key_variable(settings: SuiteSettings) -> str | None:
    """The name of the environment variable that holds the endpoint's key."""
    endpoint = settings.target.api_endpoint if settings.target else None
    if endpoint is None:
        return None
    match = _VARIABLE.fullmatch(endpoint.api_key) if endpoint.api_key else None
    return match[1] if match else endpoint.api_key_name


def _with_paths(task: TaskSettings, folder: Path) -> TaskSettings:
    dataset = task.dataset
    paths: Mapping[str, str | None] = {"path": dataset.path, "fewshot_path": dataset.fewshot_path}
    changes = {
        name: str(folder / Path(expand_variables(path, f"task {task.name}")).expanduser())
        for name, path in paths.items()
        if path is not None
    }
    changed: DatasetSettings = msgspec.structs.replace(dataset, **changes)
    return msgspec.structs.replace(task, dataset=changed)
