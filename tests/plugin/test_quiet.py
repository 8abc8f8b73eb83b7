"""Installed is not active."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HEAVY = {"httpx", "yaml", "msgspec", "anyio", "aiohttp", "ssl", "http.client"}
SESSION = """
    import json, sys, threading
    import pytest
    pytest.main(sys.argv[1:])
    print()
    print(json.dumps({"modules": sorted(sys.modules), "threads": threading.active_count()}))
"""


def modules_and_threads(folder: Path, *arguments: str) -> tuple[set[str], int]:
    """What a session in ``folder`` has imported by its end, and how many threads are left."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SESSION), "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    seen = json.loads(result.stdout.splitlines()[-1])
    return set(seen["modules"]), seen["threads"]


@pytest.mark.parametrize("arguments", [["--co"], []])
@pytest.mark.parametrize("tests", ["", "def test_other():\n    pass\n"])
def test_a_session_without_evaluations_imports_nothing_heavy(tmp_path: Path, arguments: list[str], tests: str) -> None:
    (tmp_path / "test_it.py").write_text(tests)
    (tmp_path / "some.yaml").write_text("a: 1\n")
    others, threads = modules_and_threads(tmp_path, "-p", "no:nemo_eval", *arguments)  # those do as they like
    all_modules, all_threads = modules_and_threads(tmp_path, *arguments)
    ours = all_modules - others
    assert all_threads == threads
    assert "pytest_nemo_eval.plugin" in ours
    assert ours & HEAVY == set()
    foreign = {name.partition(".")[0] for name in ours} - {"pytest_nemo_eval"} - sys.stdlib_module_names
    assert foreign == set()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["some.yaml", "test_it.py"]


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, pytest_nemo_eval; print(sorted({'httpx', 'yaml', 'msgspec', 'pytest'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_public_surface() -> None:
    import pytest_nemo_eval

    assert list(pytest_nemo_eval.__all__) == sorted(pytest_nemo_eval.__all__)
    for name in pytest_nemo_eval.__all__:
        assert getattr(pytest_nemo_eval, name)
    with pytest.raises(AttributeError):
        _ = pytest_nemo_eval.nosuch


def test_workers_without_evaluations_meet_nobody(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(pytester.mkdir("tmp")))
    pytester.makepyfile("def test_other(tmp_path_factory):\n    pass\n")
    result = pytester.runpytest_subprocess("-n", "2", "--model-url=http://127.0.0.1:9/v1")
    result.assert_outcomes(passed=1)
    assert list((pytester.path / "tmp").glob("nemo-eval-*")) == []
