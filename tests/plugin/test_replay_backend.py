"""``--backend replay:RUN``: a Run's own replies as the endpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_nemo_eval import Run, read_run
from tests.fake_endpoint import serving
from tests.plugin.modes import MODES
from tests.plugin.suites import right_up_to, runs, task, write_suite

pytestmark = pytest.mark.once


@pytest.fixture
def recorded(pytester: pytest.Pytester) -> Path:
    """The folder of a session of two benchmarks; nobody listens at its endpoint any more."""
    write_suite(pytester, task(gate=0.5), task("more", gate=0.5, more="      repeats: 2\n"))
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "--eval-save-baseline=main")
    result.assert_outcomes(passed=2)
    return runs(pytester)[0].parent


def replayed(pytester: pytest.Pytester, recorded: Path) -> list[Run]:
    return [read_run(folder) for folder in runs(pytester) if folder.parent != recorded]


@MODES
@pytest.mark.parametrize("what", ["session", "run", "baseline"])
def test_the_same_score_and_nobody_is_asked(
    pytester: pytest.Pytester, recorded: Path, what: str, mode: tuple[str, ...]
) -> None:
    folders = {"session": recorded, "run": recorded / "eval_it.yaml_more", "baseline": pytester.path / "eval-baselines"}
    suite = "eval_it.yaml::more" if what == "run" else "eval_it.yaml"
    place = folders[what].relative_to(pytester.path)
    result = pytester.runpytest_subprocess(f"--backend=replay:{place}", suite, *mode)
    assert result.ret == 0, result.stdout.str()
    result.stdout.fnmatch_lines([f"*replayed from {folders[what]}: no model was asked*"])
    again = {run.record.item: run for run in replayed(pytester, recorded)}
    assert len(again) == (1 if what == "run" else 2)
    for item, run in again.items():
        before = read_run(recorded / item.replace("::", "_"))
        assert run.record.benchmark.scores["accuracy"] == before.record.benchmark.scores["accuracy"]
        assert sorted(one.reply for one in run.results) == sorted(one.reply for one in before.results)
        assert run.record.model.id == "fake-model"
        assert run.record.model.backend == "replay"


@MODES
def test_another_prompt_has_no_replies(pytester: pytest.Pytester, recorded: Path, mode: tuple[str, ...]) -> None:
    suite = pytester.path / "eval_it.yaml"
    suite.write_text(suite.read_text().replace("What is", "How much is"))
    result = pytester.runpytest_subprocess(f"--backend=replay:{recorded}", *mode)
    assert result.ret == 7
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        ["*EvaluationError: sums: *no Run in * has a reply to the sample 'sum-0' *: the prompt, the data or the *"]
    )


@MODES
def test_other_gates_are_tried_on_the_same_replies(
    pytester: pytest.Pytester, recorded: Path, mode: tuple[str, ...]
) -> None:
    gate = "evaluation.tasks.sums.gates.accuracy.min=0.8"
    result = pytester.runpytest_subprocess(f"--backend=replay:{recorded}", "--eval-set", gate, *mode)
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*gate missed: accuracy is 0.7000, not >= 0.8*"])


@MODES
def test_another_scorer_is_tried_on_the_same_replies(pytester: pytest.Pytester, mode: tuple[str, ...]) -> None:
    """``includes`` finds 1 anywhere, and ``numeric`` looks at the last number."""
    write_suite(pytester, task(gate=1.0))
    data = pytester.path / "sums.jsonl"
    data.write_text("".join(json.dumps({"question": f"{n}+0", "answer": "1"}) + "\n" for n in range(10)))
    with serving(lambda question: "1" if "1+0" in question else "1, or rather 10") as fake:
        assert pytester.runpytest_subprocess(f"--model-url={fake.url}").ret == 0
    (before,) = runs(pytester)
    other = ("--eval-set", "evaluation.tasks.sums.scorer=numeric")
    result = pytester.runpytest_subprocess(f"--backend=replay:{before}", *other, *mode)
    assert result.ret == 1
    (run,) = replayed(pytester, before.parent)
    assert (run.record.benchmark.scorer, run.record.benchmark.scores["accuracy"].value) == ("numeric", 0.1)


@pytest.mark.parametrize("place", ["empty", "nosuch"])
def test_a_folder_without_a_run(pytester: pytest.Pytester, place: str) -> None:
    write_suite(pytester, task())
    (pytester.path / "empty").mkdir()
    result = pytester.runpytest_subprocess(f"--backend=replay:{place}")
    assert result.ret == 7
    words = {"empty": "*/empty holds no Run with replies", "nosuch": "there is no folder */nosuch: name that of a Run*"}
    result.stdout.fnmatch_lines([f"*ConfigError: --backend replay: {words[place]}"])


def test_no_folder_at_all(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task())
    result = pytester.runpytest_subprocess("--backend=replay")
    assert result.ret not in (0, 1)
    assert "--backend replay needs the folder of a Run" in result.stdout.str() + result.stderr.str()


def test_cells_that_ask_alike_get_replies_of_their_own(pytester: pytest.Pytester) -> None:
    matrix = "      matrix: {temperature: [0, 0.7]}\n      params: {seed: 5}\n      repeats: 2\n"
    write_suite(pytester, task(more=matrix))

    def answer(question: str) -> str:
        return str(right_up_to(9 if fake.requests[-1]["temperature"] else 4)(question))

    with serving(answer) as fake:
        pytester.runpytest_subprocess(f"--model-url={fake.url}", "--eval-concurrency=1").assert_outcomes(passed=2)
    before = runs(pytester)[0].parent
    assert pytester.runpytest_subprocess(f"--backend=replay:{before}").ret == 0
    scores = [run.record.benchmark.scores["accuracy"].value for run in replayed(pytester, before)]
    assert scores == [0.4, 0.9]


def test_what_interceptors_do_to_replies_is_done_again(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(gate=1.0))
    conftest = """
        import pytest

        async def undo(request, call_next):
            response = await call_next(request)
            return response.replace(text=response.text.replace("odd", "even"))

        async def asking(request, call_next):
            message = request.messages[0]
            changed = type(message)("user", message.content + " Be brief.")
            return await call_next(request.replace(messages=(changed,)))

        @pytest.fixture
        def interceptors():
            return [asking, undo]
        """
    pytester.makeconftest(conftest)
    data = pytester.path / "sums.jsonl"
    data.write_text('{"question": "2+2", "answer": "even"}\n')
    with serving(lambda _: "odd") as fake:
        assert pytester.runpytest_subprocess(f"--model-url={fake.url}").ret == 0
    (before,) = runs(pytester)
    assert pytester.runpytest_subprocess(f"--backend=replay:{before}").ret == 0
    pytester.makeconftest(conftest.replace('"even"', '"neither"'))
    assert pytester.runpytest_subprocess(f"--backend=replay:{before}").ret == 1
