"""Deployments that outlive their session (``--keep-deployment``), and how the next one finds them.

Each has a file in the user's cache folder. A kept server is lent again only while its process lives, it is ready, and
it serves the model; it is never taken for one with another command or other weights, since those have another name.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ..launchers import Server
from ..launchers.local import KeptServer, start_of
from ..server import ServerAddress
from .readiness import is_ready
from .spec import DeploymentSpec


class KeptRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a kept server.

    Attributes:
        key: the specification's ``kept_key`` and the guard: two sessions may each keep one of a kind.
        guard, guard_start: the process that ends it at SIGTERM, and when that began.
        since: seconds since the epoch.
    """

    key: str
    guard: int
    guard_start: str
    address: ServerAddress
    host: str
    port: int
    since: float

    @property
    def server(self) -> KeptServer:
        return KeptServer(self.host, self.port, self.address.argv, self.guard, self.guard_start)


def kept_folder() -> Path:
    """``pytest-nemo-eval/kept`` in XDG_CACHE_HOME, or in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pytest-nemo-eval" / "kept"


def keep(spec: DeploymentSpec, server: Server, address: ServerAddress) -> Path | None:
    """Leave a server up, and write down how to find it; None where it ended meanwhile."""
    guard = server.keep()
    if guard is None:
        return None
    record = KeptRecord(
        key=f"{spec.kept_key}-{guard}",
        guard=guard,
        guard_start=start_of(guard),
        address=address,
        host=server.host,
        port=server.port,
        since=time.time(),
    )
    folder = kept_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{record.key}.json"
    new = path.with_suffix(f".{os.getpid()}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(record))
    new.replace(path)
    return path


def find(spec: DeploymentSpec) -> KeptRecord | None:
    """A kept server of this specification that lives and is ready."""
    for path in sorted(kept_folder().glob(f"{spec.kept_key}-*.json")):
        record = _read(path)
        if record is not None and record.server.poll() is None and is_ready(record.server, spec.command):
            return record
    return None


def all_kept() -> Iterator[KeptRecord]:
    """Those that live, by when they were kept; files of others are removed."""
    found = []
    for path in sorted(kept_folder().glob("*.json")):
        record = _read(path)
        if record is not None and record.server.poll() is None:
            found.append(record)
        else:
            forget(path.stem)
    yield from sorted(found, key=lambda record: record.since)


def forget(key: str) -> None:
    """Remove the file of a kept server."""
    with contextlib.suppress(OSError):
        (kept_folder() / f"{key}.json").unlink()


def _read(path: Path) -> KeptRecord | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeptRecord)
    except (OSError, msgspec.MsgspecError):
        return None
