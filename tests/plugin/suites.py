"""Small suites for plugin tests: sums that a fake endpoint gets right as often as a test wants."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fake_endpoint import Reply

SUM = re.compile(r"(\d+)\+(\d+)")


def write_sums(folder: Path, count: int = 10) -> Path:
    """``count`` sums as a data set; the answer to ``n+n`` is ``2n``."""
    path = folder / "sums.jsonl"
    rows = [{"id": f"sum-{n}", "question": f"{n}+{n}", "answer": str(2 * n)} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def right_up_to(limit: int) -> Callable[[str], Reply | str]:
    """An answer function that is right for ``n+n`` with n below ``limit``."""

    def answer(question: str) -> Reply | str:
        found = SUM.search(question)
        assert found, question
        n = int(found[1])
        return f"It is {2 * n if n < limit else 2 * n + 1}"

    return answer


def task(name: str = "sums", *, gate: float | None = None, more: str = "") -> str:
    """One task of a suite file."""
    gates = f"      gates: {{accuracy: {{min: {gate}}}}}\n" if gate is not None else ""
    return (
        f"    - name: {name}\n      prompt: 'What is {{question}}?'\n      scorer: includes\n"
        f"      dataset: {{path: sums.jsonl}}\n{gates}{more}"
    )


def write_suite(pytester: pytest.Pytester, *tasks: str, name: str = "eval_it.yaml", head: str = "") -> Path:
    """A suite file with its data beside it."""
    write_sums(pytester.path)
    path = pytester.path / name
    path.write_text(f"{head}evaluation:\n  tasks:\n{''.join(tasks)}")
    return path


def runs(pytester: pytest.Pytester) -> list[Path]:
    """The folders of all Runs, sorted by name."""
    return sorted({path.parent for path in pytester.path.glob("eval-runs/*/*/eval-*.json")}, key=lambda path: path.name)
