from __future__ import annotations

import re

import pytest

from pytest_nemo_eval.benchmarks import BENCHMARKS, Benchmark, get_benchmark, is_planned, list_benchmarks
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.samples import Sample


@pytest.fixture(params=BENCHMARKS)
def benchmark_(request: pytest.FixtureRequest) -> Benchmark:
    return get_benchmark(request.param)


def test_full_names_are_those_of_the_table() -> None:
    assert list_benchmarks() == list(BENCHMARKS)
    assert [get_benchmark(name).full_name for name in BENCHMARKS] == list(BENCHMARKS)


@pytest.mark.parametrize(("name", "full_name"), [("gsm8k", "gsm8k:lm-eval"), ("mmlu_pro", "mmlu_pro:lm-eval")])
def test_a_name_alone_is_the_default_variant(name: str, full_name: str) -> None:
    assert get_benchmark(name).full_name == full_name


def test_declarations_are_whole(benchmark_: Benchmark) -> None:
    assert benchmark_.version
    assert benchmark_.summary
    assert benchmark_.licence
    assert benchmark_.data is not None
    assert re.fullmatch("[0-9a-f]{40}", benchmark_.data.revision)
    assert benchmark_.generation.max_tokens >= 1024
    assert benchmark_.generation.temperature == 0
    assert (benchmark_.num_fewshot > 0) == (benchmark_.variant.startswith("lm-eval"))


def test_the_question_stands_in_the_prompt_as_it_is(benchmark_: Benchmark) -> None:
    question = "What {is} \\n 1 < 2?\n  Really  so"
    sample = Sample(id="1", input=question, target="A", choices=("yes", "no"), category="math")
    assert question in benchmark_.make_prompt(sample, ())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gsm8", "did you mean gsm8k"),
        ("gsm8k:lmeval", "did you mean gsm8k:lm-eval"),
        ("qqqqqq", "there are gsm8k:lm-eval"),
        ("humaneval", "not available in this version"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        get_benchmark(name)


def test_what_is_planned_is_not_there() -> None:
    assert is_planned("humaneval:lm-eval")
    assert not any(is_planned(name) for name in BENCHMARKS)
