"""``scorer_timeout``: a scorer that does not come back costs one sample, and no process."""

from __future__ import annotations

import pytest

from pytest_nemo_eval import read_run
from tests.fake_endpoint import serving
from tests.plugin.modes import MODES
from tests.plugin.suites import right_up_to, runs, task, write_suite
from tests.processes import wait_for, with_argument

SCORER = """
    import os, subprocess, sys
    from pytest_nemo_eval import Score

    def score(sample, reply):
        if reply == "It is 6":
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", __file__])
            while True:
                pass
        return Score(value=float(sample.target in reply.split()), answer=reply)
    """
MINE = "      scorer_timeout: 1\n      max_errors: {}\n"


@pytest.fixture
def suite(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(looping=SCORER)


@MODES
@pytest.mark.parametrize(("allowed", "code"), [(1, 0), (0, 7)])
@pytest.mark.usefixtures("suite")
def test_one_endless_reply_is_one_unscored_sample(
    pytester: pytest.Pytester, allowed: int, code: int, mode: tuple[str, ...]
) -> None:
    path = write_suite(pytester, task(gate=1.0, more=MINE.format(allowed)), task("plain", gate=1.0))
    path.write_text(path.read_text().replace("scorer: includes", "scorer: looping:score", 1))
    with serving(right_up_to(10)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", *mode, timeout=90)
    assert result.ret == code, result.stdout.str()
    found = next(read_run(folder) for folder in runs(pytester) if folder.name.endswith("sums"))
    (unscored,) = [one for one in found.results if one.score is None]
    assert unscored.sample_id == "sum-3"
    assert "looping:score took longer than 1 s on sample sum-3 and was killed" in (unscored.error or "")
    assert [one.score.value for one in found.results if one.score] == [1.0] * 9
    assert len(fake.requests) == 20
    assert with_argument(str(pytester.path)) == []
    wait_for(lambda: with_argument("looping:score") == [], 90)  # the other cases of this test may run beside it
    if code:
        result.assert_outcomes(errors=1, passed=1)
        result.stdout.fnmatch_lines(["*EvaluationError: sums: 1 of 10 samples ended in an error*unscored: *"])
