"""Where a Run comes from: packages, the suite's commit, the model's weights."""

from __future__ import annotations

import hashlib
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
    "httpx-aiohttp",
    "aiohttp",
    "msgspec",
)
_LONGEST_HEADER = 100_000_000


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


def weights_fingerprint(model_path: str) -> str:
    """sha256 over a model folder's configuration, file sizes and safetensors headers; "" where it is no folder.

    Cheap on purpose: tensors themselves are not read, so an edit within a tensor is not seen.
    """
    folder = Path(model_path).expanduser()
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and ".git" not in p.relative_to(folder).parts):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        if path.suffix == ".safetensors":
            digest.update(_safetensors_header(path))
        elif path.suffix in (".json", ".jinja", ".model") and path.stat().st_size < _LONGEST_HEADER:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _safetensors_header(path: Path) -> bytes:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        return file.read(min(size, _LONGEST_HEADER))
