"""Why a replica could not start, out of Ray Serve's status and logs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pytest_nemo_eval.servers import ray_logs

LOG = """INFO 2026-11-25 replica started
ERROR 2026-11-25 Exception in replica
Traceback (most recent call last):
  File "engine.py", line 1, in load
ValueError: no such weights
INFO 2026-11-25 stopping
more of what is no error
"""


@dataclass
class Found:
    """An application or a deployment, as ``serve.status()`` has them."""

    message: str
    deployments: dict[str, Found] = field(default_factory=dict)


@dataclass
class Status:
    applications: dict[str, Found]


def write_log(folder: Path, text: str, session: str = "session_1") -> Path:
    log = folder / "ray" / session / "logs" / "serve" / "replica.log"
    log.parent.mkdir(parents=True)
    log.write_text(text)
    return log


def test_errors_come_with_their_tracebacks_and_nothing_else(tmp_path: Path) -> None:
    write_log(tmp_path, LOG)
    assert ray_logs.logged_errors(tmp_path) == LOG.splitlines()[1:5]


def test_ray_s_link_to_its_last_session_is_not_read_twice(tmp_path: Path) -> None:
    write_log(tmp_path, LOG)
    (tmp_path / "ray" / "session_latest").symlink_to(tmp_path / "ray" / "session_1")
    assert ray_logs.logged_errors(tmp_path) == LOG.splitlines()[1:5]


def test_of_many_errors_the_last_are_told(tmp_path: Path) -> None:
    lines = [f"ERROR number {number} " + "x" * 2000 for number in range(100)]
    write_log(tmp_path, "\n".join(lines))
    assert ray_logs.logged_errors(tmp_path) == lines[-len(ray_logs.logged_errors(tmp_path)) :]
    assert 0 < len(ray_logs.logged_errors(tmp_path)) <= ray_logs.MOST_LINES


def test_the_cause_is_of_our_application_and_says_nothing_twice(tmp_path: Path) -> None:
    write_log(tmp_path, "ERROR no memory\n")
    ours = Found("failed to start\n\n", {"Model": Found("failed to start\nunhealthy")})
    status = Status({"ours": ours, "theirs": Found("another one's trouble")})
    assert ray_logs.cause(status, "ours", tmp_path) == "failed to start\nunhealthy\nERROR no memory"
    assert ray_logs.cause(status, "not there", tmp_path) == "ERROR no memory"
