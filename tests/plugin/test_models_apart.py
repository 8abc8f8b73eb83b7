"""Several models are kept apart: none is judged by another's Runs, and none is passed over."""

from __future__ import annotations

import json

import pytest

from tests.fake_endpoint import serving
from tests.plugin.modes import MODES
from tests.plugin.suites import right_up_to, runs, task, write_suite, write_sums
from tests.plugin.test_models import DROP, endpoints, label, outcomes

BOTH = "  composites:\n    both: {weights: {sums: 1}, min: 0.9}\n"
SUMS = 'run_benchmark("sums", dataset="sums.jsonl", prompt="What is {question}?", scorer="includes"'


def target(*urls: str) -> str:
    return f"target: {{api_endpoint: {{url: {json.dumps(urls if len(urls) > 1 else urls[0])}}}}}\n"


def test_an_id_of_the_users_own_names_no_model(pytester: pytest.Pytester) -> None:
    path = write_suite(pytester, task())
    path.write_text(path.read_text() + BOTH)
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.parametrize("who", ["me@here"])
        def test_it(run_benchmark, who):
            {SUMS.replace('"sums"', '"other"', 1)})
    """)
    with serving(right_up_to(3)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    assert result.ret == 1
    result.stdout.re_match_lines([r"both +- .* fail"])
    assert "[here]" not in result.stdout.str().partition("= evaluations")[2]


def test_a_file_without_a_list_is_judged_beside_one_with(pytester: pytest.Pytester) -> None:
    with endpoints(10, 10, 3) as (first, second, weak):
        write_suite(pytester, task("other"), name="eval_list.yaml", head=target(first.url, second.url))
        path = write_suite(pytester, task(), name="eval_one.yaml", head=target(weak.url))
        path.write_text(path.read_text() + BOTH)
        result = pytester.runpytest_subprocess()
    assert result.ret == 1
    result.stdout.re_match_lines([r"both +- .* fail"])


def test_a_policy_over_files_with_models_of_their_own(pytester: pytest.Pytester) -> None:
    policy = "benchmarks:\n  sums: {min: 0.1}\n  other: {min: 0.1}\n"
    with endpoints(10, 10, 10, 10) as fakes:
        for name, pair in (("sums", fakes[:2]), ("other", fakes[2:])):
            write_suite(pytester, task(name), name=f"eval_{name}.yaml", head=target(*(one.url for one in pair)))
        (pytester.path / "policy.yaml").write_text(policy)
        assert pytester.runpytest_subprocess("--eval-policy=policy.yaml").ret == 0


def test_two_models_of_one_label_are_not_mixed(pytester: pytest.Pytester) -> None:
    (pytester.path / "policy.yaml").write_text("composites:\n  both: {weights: {sums: 1, other: 1}, min: 0.5}\n")
    with endpoints(10, 3) as fakes:
        for fake, name, org in zip(fakes, ("sums", "other"), ("org1", "org2"), strict=True):
            head = f"target: {{api_endpoint: {{url: '{fake.url}', model_id: [{org}/a, {org}/b]}}}}\n"
            write_suite(pytester, task(name), name=f"eval_{name}.yaml", head=head)
        result = pytester.runpytest_subprocess("--eval-policy=policy.yaml")
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*weighs Runs of two models that are both called a*"])


def test_a_baseline_that_is_broken_is_no_measure(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(more=DROP))
    write_sums(pytester.path, 60)
    with endpoints(60) as (candidate,), serving(lambda _: "I cannot say.") as broken:
        options = (f"--model-url={candidate.url}", f"--baseline-model-url={broken.url}")
        result = pytester.runpytest_subprocess(*options)
        assert candidate.requests == []
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*the set-up looks broken*", "*the baseline model was not measured on sums*"])


@pytest.mark.parametrize("option", ["--model-id=fake-model", "-oeval_model_id=fake-model"])
def test_an_id_goes_with_each_url_of_a_file(pytester: pytest.Pytester, option: str) -> None:
    with endpoints(10, 3) as (good, bad):
        write_suite(pytester, task(gate=0.5), head=target(good.url, bad.url))
        assert pytester.runpytest_subprocess(option).ret == 1
        assert len(good.requests) == len(bad.requests) == 10


def test_what_cannot_be_parametrized_is_refused(pytester: pytest.Pytester) -> None:
    write_sums(pytester.path)
    pytester.makepyfile(f"""
        def test_it(request):
            run_benchmark = request.getfixturevalue("run_benchmark")
            {SUMS})
    """)
    with endpoints(10, 3) as (good, bad):
        result = pytester.runpytest_subprocess(f"--model-url={good.url}", f"--model-url={bad.url}")
        assert result.ret == 7
        assert good.requests == bad.requests == []
    result.stdout.fnmatch_lines(["*there are several models, and a test that pytest cannot parametrize*"])


def test_an_endpoint_of_the_users_own_is_no_model_of_several(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(more=DROP))
    with endpoints(10, 3, 10) as (good, bad, own):
        pytester.makeconftest(f"""
            import pytest
            from pytest_nemo_eval import Endpoint, Protocol

            @pytest.fixture
            def eval_endpoint():
                return Endpoint("{own.url}", "fake-model", Protocol.CHAT)
        """)
        result = pytester.runpytest_subprocess(f"--model-url={bad.url}", f"--baseline-model-url={good.url}")
        assert own.requests == []
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*eval_endpoint (or eval_client) of your own answers for baseline*"])


def test_settings_that_know_nothing_of_models(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(more=DROP))
    with endpoints(10, 10) as (good, other):
        pytester.makeconftest(f"""
            import pytest
            from pytest_nemo_eval import EvalSettings

            @pytest.fixture(scope="session")
            def eval_settings():
                return EvalSettings(model_url="{good.url}")
        """)
        result = pytester.runpytest_subprocess(f"--model-url={good.url}", f"--baseline-model-url={other.url}")
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*a fixture eval_settings that replaces ours has to ask for eval_model*"])


@pytest.mark.parametrize("how", ["pytest.fail('weak')", "raise ValueError('weak')", "assert result.accuracy > 0.9"])
def test_nothing_that_a_test_asks_is_asked_of_the_baseline(pytester: pytest.Pytester, how: str) -> None:
    write_sums(pytester.path)
    pytester.makepyfile(f"""
        import pytest

        def test_it(run_benchmark):
            result = {SUMS})
            if result.accuracy < 0.9:
                {how}
    """)
    with endpoints(10, 3) as (good, weak):
        result = pytester.runpytest_subprocess(f"--model-url={good.url}", f"--baseline-model-url={weak.url}", "-v")
    assert result.ret == 0
    assert outcomes(result) == {"test_it[@baseline]": "MEASURED", f"test_it[@{label(good)}]": "PASSED"}


@pytest.mark.parametrize("when", ["set-up", "tear-down"])
def test_a_fixture_that_breaks_for_the_baseline_is_an_error(pytester: pytest.Pytester, when: str) -> None:
    write_sums(pytester.path)
    pytester.makepyfile(f"""
        import pytest

        @pytest.fixture
        def own(eval_model):
            broken = eval_model.label == "baseline"
            assert not (broken and "{when}" == "set-up")
            yield
            assert not broken

        def test_it(own, run_benchmark):
            {SUMS})
    """)
    with endpoints(10, 10) as (first, second):
        result = pytester.runpytest_subprocess(f"--model-url={first.url}", f"--baseline-model-url={second.url}")
    assert result.ret == 7
    assert "KeyError" not in result.stdout.str()


def test_the_baseline_comes_first_whoever_sorts(pytester: pytest.Pytester) -> None:
    """``--ff`` puts what failed last before all else, in a wrapper."""
    write_suite(pytester, task(more=DROP))
    write_sums(pytester.path, 100)
    with endpoints(40, 90) as (weak, strong):
        options = (f"--model-url={weak.url}", f"--baseline-model-url={strong.url}", "-v", "--ff")
        assert pytester.runpytest_subprocess(*options).ret == 1
        again = pytester.runpytest_subprocess(*options)
        assert again.ret == 1
        assert list(outcomes(again)) == ["sums[@baseline]", f"sums[@{label(weak)}]"]


def test_each_run_of_a_test_has_a_baseline_of_its_own(pytester: pytest.Pytester) -> None:
    write_sums(pytester.path)
    pytester.makepyfile(f"""
        def test_it(run_benchmark):
            for temperature in (0, 1):
                result = {SUMS}, temperature=temperature)
                assert result.no_worse_than(decide_by="point")
    """)
    with endpoints(10, 10) as (first, second):
        result = pytester.runpytest_subprocess(f"--model-url={first.url}", f"--baseline-model-url={second.url}")
    assert result.ret == 0
    assert len(runs(pytester)) == 4


@MODES
@pytest.mark.parametrize("how", ["loadgroup", "loadfile", "worksteal"])
def test_ways_to_distribute(pytester: pytest.Pytester, mode: tuple[str, ...], how: str) -> None:
    drop = "      gates: {accuracy: {max_drop: 0.1, decide_by: point}}\n"
    write_suite(pytester, task(more=drop), task("again", more=drop), task("third", more=drop))
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.xdist_group("gpu")
        def test_it(run_benchmark):
            assert {SUMS}).no_worse_than(max_drop=0.1, decide_by="point")
    """)
    with endpoints(40, 40) as (first, second):
        options = (f"--model-url={first.url}", f"--baseline-model-url={second.url}", f"--dist={how}", *mode)
        result = pytester.runpytest_subprocess(*options)
    assert result.ret == 0
    result.assert_outcomes(passed=8)
