"""Where a Run comes from: packages, the suite's commit, the model's weights."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    "pytest-nemo-eval",
    "pytest",
    "pytest-xdist",
    "pytest-html",
    "httpx",
    "aiohttp",
    "msgspec",
    "pyyaml",
    "pyarrow",
    "huggingface_hub",
)
_LONGEST_HEADER = 100_000_000
_CONFIGURATIONS = ("config.json", "tokenizer_config.json")
_ASIDE = {".git", ".cache"}
"""What git and ``hf download --local-dir`` leave in a model's folder."""


def environment() -> Mapping[str, str]:
    """Versions of Python, the system, and the packages that a result depends on."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def commit_of(folder: Path) -> str:
    """The git commit that ``folder`` is at, with ``-dirty`` for uncommitted changes; "" outside of git."""
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def weights_fingerprint(model_path: str, revision: str = "main") -> str:
    """sha256 over a model folder's configuration, file sizes and safetensors headers; "" where no folder is seen.

    Cheap on purpose: tensors themselves are not read, so an edit within a tensor is not seen.

    Args:
        model_path: a folder, or an id of the Hugging Face hub, whose snapshot is looked for in the hub's local cache.
        revision: the snapshot's, as the server was asked for it.
    """
    folder = model_folder(model_path, revision)
    if folder is None:
        return ""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not _ASIDE & {*p.relative_to(folder).parts}):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        if path.suffix == ".safetensors":
            digest.update(_safetensors_header(path))
        elif path.suffix in (".json", ".jinja", ".model") and path.stat().st_size < _LONGEST_HEADER:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def files_stamp(model_path: str, revision: str = "main") -> str:
    """A digest over names, sizes and times of change of a model folder's files; "" where no folder is seen.

    It tells weights that were trained further from those before; the fingerprint may not, since equal shapes make equal
    headers.
    """
    folder = model_folder(model_path, revision)
    if folder is None:
        return ""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not _ASIDE & {*p.relative_to(folder).parts}):
        found = path.stat()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def has_chat_template(model_path: str, revision: str = "main") -> bool | None:
    """Whether a model's tokenizer has a chat template; None where its configuration cannot be seen from here."""
    folder = model_folder(model_path, revision)
    if folder is None:
        return None
    if any((folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    try:
        config = json.loads((folder / "tokenizer_config.json").read_bytes())
    except (OSError, ValueError):
        return None
    return bool(config.get("chat_template")) if isinstance(config, dict) else None


def model_folder(model_path: str, revision: str = "main") -> Path | None:
    """The folder of a model, or its snapshot in the hub's local cache; None without. Asks no network."""
    folder = Path(model_path).expanduser()
    if folder.is_dir():
        return folder
    try:
        from huggingface_hub import try_to_load_from_cache

        found = [try_to_load_from_cache(model_path, name, revision=revision) for name in _CONFIGURATIONS]
    except (ImportError, ValueError):  # not installed; no id of the hub
        return None
    return next((Path(path).parent for path in found if isinstance(path, str)), None)


def _safetensors_header(path: Path) -> bytes:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        return file.read(min(size, _LONGEST_HEADER))
