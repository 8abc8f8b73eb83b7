"""Runs a server as a child, and leaves nothing of it behind: no process, no folder, no shared memory.

The child has a session of its own, so that a signal to our process group reaches it through us alone: what it started
itself (tritonserver, Ray's daemons) is then ended by it, in order. Its temporary files go into a folder of ours.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

FOLDER = "NEMO_EVAL_SERVER_FOLDER"
"""The variable that names the folder; set, the program is the child."""
PREFIX = "nemo-eval-server-"
ENDING_SECONDS = 6.5
"""How long a child may take to end when it is told to: less than a launcher gives us."""
ORPHAN_SECONDS = 1.0
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  where Linux has it
TRITONS_FOLDER = "/tmp/folder"  # noqa: S108  wherever TMPDIR is
LITTER = "litter"
SHORT_FOLDER = "/tmp"  # noqa: S108  the folder in it is made for us alone
LONGEST_FOLDER = {"ray": 5}
"""Ray's sockets lie 102 characters deeper where process ids have 7 digits, and a socket's path has 107 at most."""
LONGEST_FOLDER_OF_OTHERS = 30
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """The command line: the server's name and its arguments."""
    if FOLDER in os.environ:
        from .programs import run

        code = run(arguments[0], arguments[1:])
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # all is shut down; a thread that still computes would abort a usual end
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    remove_leftovers()
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base(arguments[0])))
    except OSError as error:
        sys.stdout.write(f"fatal: no folder for temporary files can be made: {error}; set TMPDIR to one that can\n")
        return 1
    try:
        code = _run([sys.executable, *_script(), *arguments], folder)
    finally:
        _end_orphans()
        _remove(folder)
    if code < 0:  # end as the child did: that tells more than a number
        with contextlib.suppress(OSError):  # SIGKILL has no handler to be put back
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _script() -> list[str]:
    return [str(Path(__file__).with_name("start.py"))]


def base(program: str) -> str:
    """Where a program's folder is made: the user's place, unless its path is too long for sockets in it."""
    place = tempfile.gettempdir()
    fits = len(place) <= LONGEST_FOLDER.get(program, LONGEST_FOLDER_OF_OTHERS)
    return place if fits or not os.access(SHORT_FOLDER, os.W_OK | os.X_OK) else SHORT_FOLDER


def _run(command: list[str], folder: Path) -> int:
    """Run the child until it ends, or until we are told to end and it has."""

    def in_the_child() -> None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    environment = {**os.environ, FOLDER: str(folder), "TMPDIR": str(folder)}
    child = subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=in_the_child)
    (folder / "pid").write_text(str(child.pid))
    told = False

    def end(number: int, _: object) -> None:
        nonlocal told
        if not told:
            told = True
            note_litter(folder)
            child.send_signal(signal.SIGTERM)
            signal.setitimer(signal.ITIMER_REAL, ENDING_SECONDS)

    def kill(number: int, _: object) -> None:
        child.kill()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    signal.signal(signal.SIGALRM, kill)
    code = child.wait()
    signal.setitimer(signal.ITIMER_REAL, 0)
    return 0 if told else code


def _end_orphans() -> None:
    """What the child left is ours now: it may end by itself for a moment, then it is killed."""
    start = time.monotonic()
    while (left := list(_children())) and time.monotonic() - start < 5 * ORPHAN_SECONDS:
        if time.monotonic() - start > ORPHAN_SECONDS:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _children() -> Iterator[int]:
    """Our living children, once the dead ones are collected."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            yield from map(int, listing.read_text().split())


def remove_leftovers() -> None:
    """Folders of supervisors that were killed."""
    with contextlib.suppress(OSError):
        for folder in [found for place in {base("ray"), base("")} for found in Path(place).glob(f"{PREFIX}*-*")]:
            owner = folder.name[len(PREFIX) :].partition("-")[0]
            with contextlib.suppress(OSError):
                if owner.isdecimal() and folder.stat().st_uid == os.getuid() and not Path(f"/proc/{owner}").exists():
                    _remove(folder)


def note_litter(folder: Path) -> None:
    """Writes down which folders Triton made outside of ours: it forgets them when it is killed.

    The command lines of its Python backends, whose program lies in our folder, tell: ``STUB /tmp/folderXXXXXX/1/...``.
    """
    stub = f"{folder}/"
    for listing in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = listing.read_bytes().decode("utf-8", "replace").split("\0")
            if words[0].startswith(stub) and len(words) > 1 and words[1].startswith(TRITONS_FOLDER):
                with (folder / LITTER).open("a") as file:
                    file.write(f"{Path(*Path(words[1]).parts[:3])}\n")


def _remove(folder: Path) -> None:
    """The folder, what was noted, and the shared memory that PyTriton names by the child's pid."""
    with contextlib.suppress(OSError):
        for line in (folder / LITTER).read_text().splitlines():
            shutil.rmtree(line, ignore_errors=True)
    with contextlib.suppress(OSError):
        pid = int((folder / "pid").read_text() or 0)
        for entry in SHARED_MEMORY.glob(f"pytrtion{pid}-*") if pid else ():
            entry.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _prctl(option: int, value: int) -> None:
    """Linux has it; elsewhere the child is ended by its signal alone."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
