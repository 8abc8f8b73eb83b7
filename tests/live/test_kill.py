"""kill -9 of pytest at random moments: no server is left, and every sample that was finished is on disk."""

from __future__ import annotations

import random
import sys

import pytest

from pytest_nemo_eval import read_run
from tests.live.conftest import Vllm
from tests.plugin.suites import runs, task, write_suite, write_sums
from tests.processes import Background, wait_for, with_argument

pytestmark = pytest.mark.live
START_SECONDS = 240.0


@pytest.mark.parametrize("mode", [(), ("-n", "2")], ids=["serial", "n2"])
def test_kill_9_in_the_middle(
    pytester: pytest.Pytester, background: Background, vllm: Vllm, mode: tuple[str, ...]
) -> None:
    few = "      params: {parallelism: 2, max_new_tokens: 24}\n"
    write_suite(pytester, task(more=few), task("again", more=few))
    write_sums(pytester.path, 300)
    with (pytester.path / "out.txt").open("wb") as output:
        process = background([sys.executable, "-m", "pytest", *vllm.options, *mode], cwd=pytester.path, stdout=output)
    moment = random.randrange(0, 40)
    wait_for(lambda: finished(pytester) >= moment and bool(with_argument(str(vllm.model))), START_SECONDS)
    seen = finished(pytester)
    process.kill()
    process.wait()
    wait_for(lambda: with_argument(str(vllm.model)) == [], 15)
    scored = [result for folder in runs(pytester) for result in read_run(folder).results if result.score]
    assert len(scored) >= seen
    assert all(result.reply for result in scored)


def finished(pytester: pytest.Pytester) -> int:
    """Samples on disk."""
    return sum(path.read_bytes().count(b"\n") for path in pytester.path.glob("eval-runs/*/*/results.jsonl"))
