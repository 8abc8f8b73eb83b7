"""Several models in one session: which there are, and what each changes in what the command line and a file ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from ..chat import Json
from ..endpoint import parse_url
from ..errors import ConfigError

if TYPE_CHECKING:
    from .document import Document, KeyPath
    from .options import EvalSettings
    from .settings import SuiteSettings

BASELINE = "baseline"
"""The label of the model that the others are held against."""
CANDIDATE = "candidate"
"""The label of the one model that a file names, where there is a baseline model."""

_PATH: KeyPath = ("deployment", "model_path")
_URL: KeyPath = ("target", "api_endpoint", "url")
_ID: KeyPath = ("target", "api_endpoint", "model_id")
_LABEL = re.compile(r"-?@[^\[\]@]+\]$")


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One of several models; the fixture ``eval_model``. What is None stays as it is asked for otherwise.

    Attributes:
        label: its part of test ids, after ``@``: ``gsm8k[@base-7b]``.
        path, url, id: as ``--model-path``, ``--model-url`` and ``--model-id``.
        of_file: a suite file lists it; else it is the command line's.
    """

    label: str
    path: str | None = None
    url: str | None = None
    id: str | None = None
    of_file: bool = False

    @property
    def shown(self) -> str:
        """What it is called in words."""
        return self.path or self.id or self.label

    def in_settings(self, settings: EvalSettings) -> EvalSettings:
        """What the command line asks for of this model."""
        alone = msgspec.structs.replace(settings, models=())
        if self.of_file or not (self.path or self.url or self.id):
            return alone
        named_alone = not (self.path or self.url)
        others = self.label == BASELINE and (self.url or (self.path and settings.backend == "hosted"))
        return msgspec.structs.replace(
            alone,
            model_path=self.path,
            model_url=settings.model_url if named_alone else self.url,
            model_id=self.id,
            backend=None if others else settings.backend,
        )

    def in_suite(self, suite: SuiteSettings) -> SuiteSettings:
        """What a file asks for of this model."""
        if not self.of_file:
            return suite
        if self.path and suite.deployment is not None:
            deployment = msgspec.structs.replace(suite.deployment, model_path=self.path)
            return msgspec.structs.replace(suite, deployment=deployment)
        if suite.target is None:
            return suite
        given = {"url": self.url, "model_id": self.id}
        endpoint = msgspec.structs.replace(
            suite.target.api_endpoint, **{name: value for name, value in given.items() if value}
        )
        return msgspec.structs.replace(suite, target=msgspec.structs.replace(suite.target, api_endpoint=endpoint))


def is_of(item: str, label: str) -> bool:
    """Whether an item's id may be one of the model with this label."""
    return item.endswith((f"[@{label}]", f"-@{label}]"))


def without_model(item: str, label: str) -> str:
    """The id of an item of the model with this label, as it would be with one model alone."""
    if not label or not is_of(item, label):
        return item
    head = item.removesuffix(f"@{label}]")
    return head.removesuffix("[") if head.endswith("[") else f"{head.removesuffix('-')}]"


def without_label(item: str) -> str:
    """An item's id without what may be a model's label, where the models are not known."""
    return _LABEL.sub("]", item).removesuffix("[]")


def list_models(paths: Sequence[str], urls: Sequence[str], ids: Sequence[str], of_file: bool = False) -> list[Model]:
    """The models that paths, or URLs and names, mean: one URL with several names is several models.

    Raises:
        ConfigError: both kinds, or URLs and names of which one cannot say which belong together.
    """
    if paths and urls:
        raise ConfigError("--model-path deploys a model and --model-url takes one that is served: give one of them")
    if paths:
        if len(paths) > 1 and ids:
            raise ConfigError("several models to deploy are called by their own names: leave --model-id out")
        labels = _distinct([PurePosixPath(path).parts or (path,) for path in paths])
        return [
            Model(label=label, path=path, id=ids[0] if ids else None, of_file=of_file)
            for label, path in zip(labels, paths, strict=True)
        ]
    if len(urls) > 1 and len(ids) > 1 and len(urls) != len(ids):
        raise ConfigError(
            f"there are {len(urls)} URLs and {len(ids)} model ids: give one URL, one id, or as many of the one as of "
            "the other"
        )
    count = max(len(urls), len(ids))
    all_urls: Sequence[str | None] = [urls[0]] * count if len(urls) == 1 else urls or [None] * count
    all_ids: Sequence[str | None] = [ids[0] if ids else None] * count if len(ids) < 2 else ids
    by_id = len(set(ids)) > 1 or not urls
    names = [PurePosixPath(name).parts for name in ids] if by_id else [_place_of(url) for url in urls]
    labels = _distinct(names)
    return [
        Model(label=label, url=url, id=name, of_file=of_file)
        for label, url, name in zip(labels, all_urls, all_ids, strict=True)
    ]


def _place_of(url: str) -> tuple[str, ...]:
    """Nothing of a URL that could be a secret."""
    parts = urlsplit(parse_url(url)[0])
    port = f"-{parts.port}" if parts.port else ""
    return (*PurePosixPath(parts.path.strip("/")).parts[::-1], f"{parts.hostname or ''}{port}")


def _distinct(names: Sequence[tuple[str, ...]]) -> list[str]:
    """The last parts of each, as few as tell them apart.

    Raises:
        ConfigError: two are the same.
    """
    if not names:
        return []
    for count in range(1, max(map(len, names), default=0) + 1):
        labels = [re.sub(r"[^A-Za-z0-9_.+-]+", "_", "-".join(name[-count:])).strip("_-") for name in names]
        if len(set(labels)) == len(labels) and not {BASELINE, ""} & set(labels):
            return labels
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled:
        raise ConfigError(f"the model {'/'.join(doubled)} is given twice")
    return [f"model-{number}" for number in range(1, len(names) + 1)]


Lists = Mapping["KeyPath", list[str]]
"""Of a file: where it lists models, and which."""


def set_aside(values: dict[str, Json], document: Document) -> Lists:
    """The lists of models in a file's values, in which the first of each takes the list's place.

    Raises:
        ConfigError: a list that is empty or holds anything but texts.
    """
    return {key: found for key in (_PATH, _URL, _ID) if (found := _set_aside(values, key, document)) is not None}


def put_back(values: dict[str, Json], lists: Lists) -> None:
    """Undo ``set_aside``."""
    for (section, *between, last), found in lists.items():
        place: Json = values[str(section)]
        for part in between:
            place = place[str(part)] if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[str(last)] = list(found)


def take_models(values: dict[str, Json], document: Document) -> tuple[Model, ...]:
    """The models that a file lists, as ``set_aside``; none where it has one alone.

    Raises:
        ConfigError: as ``set_aside``; lists that do not belong together.
    """
    lists = set_aside(values, document)
    if not lists:
        return ()
    hosted = _PATH not in lists
    section = values.get("deployment")
    if hosted and isinstance(section, dict) and section.get("type") != "hosted":
        raise ConfigError(
            f"{document.place(next(iter(lists)))}: a deployment serves one model, whatever target lists: list "
            "deployment.model_path, or leave the deployment out"
        )
    urls = _texts(values, _URL, lists) if hosted else ()
    ids = _texts(values, _ID, lists) if hosted else ()
    try:
        models = list_models(lists.get(_PATH, ()), urls, ids, of_file=True)
    except ConfigError as error:
        raise ConfigError(f"{document.place(next(iter(lists)))}: {error}") from None
    return tuple(models) if len(models) > 1 else ()


def _set_aside(values: dict[str, Json], key: KeyPath, document: Document) -> list[str] | None:
    section: Json = values
    for part in key[:-1]:
        section = section.get(str(part)) if isinstance(section, dict) else None
    found = section.get(str(key[-1])) if isinstance(section, dict) else None
    if not isinstance(section, dict) or not isinstance(found, list):
        return None
    texts = [text for text in found if isinstance(text, str) and text]
    if not texts or len(texts) != len(found):
        raise ConfigError(f"{document.place(key)}: {'.'.join(map(str, key))}: a list of models holds names or paths")
    section[str(key[-1])] = texts[0]
    return texts


def _texts(values: dict[str, Json], key: KeyPath, lists: Lists) -> Sequence[str]:
    """A list, or the one text in its place."""
    if key in lists:
        return lists[key]
    section: Json = values
    for part in key:
        section = section.get(str(part)) if isinstance(section, dict) else None
    return (section,) if isinstance(section, str) else ()


def models_of_session(
    paths: Sequence[str], urls: Sequence[str], ids: Sequence[str], baseline: Model | None
) -> tuple[Model, ...]:
    """What the command line makes of a session: none where it has one model, as any file has it.

    Raises:
        ConfigError: as ``list_models``.
    """
    if baseline is None and max(len(paths), len(urls), len(ids)) < 2:
        return ()
    listed = list_models(paths, urls, ids)
    if baseline is not None:
        return (baseline, *(listed or [Model(label=CANDIDATE)]))
    return tuple(listed) if len(listed) > 1 else ()


def models_of_file(settings: EvalSettings, listed: tuple[Model, ...]) -> tuple[Model, ...]:
    """The models that each benchmark of a file is asked of: the command line over the file's own."""
    named = settings.model_id and any(one.id for one in listed)
    if settings.model_path or settings.model_url or named or not listed:
        return settings.models
    return (*(one for one in settings.models if one.label == BASELINE), *listed)
