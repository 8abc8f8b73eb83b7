from __future__ import annotations

import pytest

from pytest_nemo_eval.benchmarks import get_benchmark
from pytest_nemo_eval.config.settings import DatasetSettings
from pytest_nemo_eval.datasets import load_samples, resolve
from pytest_nemo_eval.datasets.files import Row
from pytest_nemo_eval.errors import DatasetError
from pytest_nemo_eval.samples import Sample
from tests.shared_data import RECORDED_GSM8K, shared_data, shared_rows

GSM8K = get_benchmark("gsm8k")


def sample(question: str, answer: str) -> Sample:
    return GSM8K.make_sample({"question": question, "answer": answer}, 0)


def test_the_prompt_with_worked_examples() -> None:
    shots = [sample("1+1?", "1+1=2\n#### 2"), sample("2+2?", "2+2=4\n#### 4")]
    assert GSM8K.make_prompt(sample(" 3+3? ", "#### 6"), shots) == (
        "Question: 1+1?\nAnswer: 1+1=2\n#### 2\n\nQuestion: 2+2?\nAnswer: 2+2=4\n#### 4\n\nQuestion: 3+3?\nAnswer:"
    )


def test_nemo_evaluators_prompt() -> None:
    assert get_benchmark("gsm8k:nemo-evaluator").make_prompt(sample("3+3?", "#### 6"), ()) == (
        "Solve the following math problem step by step. Put your final numerical answer after 'The answer is'."
        "\n\nProblem: 3+3?"
    )


@pytest.mark.parametrize(
    ("row", "identity", "target"),
    [
        ({"question": "?", "answer": "so\n#### 1,234"}, "4", "1,234"),
        ({"prompt": "?", "target": "18", "sample_id": "gsm8k-test-0"}, "gsm8k-test-0", "18"),
        ({"prompt": "?", "target": "18", "question_id": 7}, "7", "18"),
        ({"prompt": [{"role": "system", "content": "x"}, {"role": "user", "content": "?"}], "answer": 18}, "4", "18"),
        ({"id": "", "question": "?", "answer": 18}, "4", "18"),
        ({"id": "mine", "question": "?", "answer": 18}, "mine", "18"),
        ({"id": None, "question": "?", "answer": "18"}, "4", "18"),
    ],
)
def test_rows(row: Row, identity: str, target: str) -> None:
    made = GSM8K.make_sample(row, 4)
    assert (made.id, made.target, made.input) == (identity, target, "?")


def test_a_row_without_a_column() -> None:
    with pytest.raises(DatasetError, match=r"row 5 has no value in the column question or prompt; it has answer, q"):
        GSM8K.make_sample({"answer": "1", "q": "?", "question": None}, 4)


def test_the_first_examples_are_chosen() -> None:
    shots = [sample(f"{n}?", f"#### {n}") for n in range(7)]
    assert GSM8K.choose_shots(sample("?", "1"), shots, 5) == shots[:5]


def test_the_variants_differ_in_what_counts() -> None:
    reply = "The answer is 7.\n#### 8\nso 9"
    answers = [
        get_benchmark(f"gsm8k:{v}").scorer(sample("?", "1"), reply).answer
        for v in ("lm-eval", "lm-eval-strict", "nemo-evaluator")
    ]
    assert answers == ["9", "8", "7"]


def test_the_real_data() -> None:
    source = resolve("gsm8k", GSM8K.data, DatasetSettings(), shared_data())
    source.check()
    samples = load_samples(source.rows(), GSM8K.make_sample, {}, (), None)
    assert (len(samples), samples[0].id, samples[0].target) == (1319, "0", "18")
    rows = source.fewshot_rows()
    assert rows is not None
    shots = load_samples(rows, GSM8K.make_sample, {}, (), None)
    assert len(shots) == 7473
    prompt = GSM8K.make_prompt(samples[0], GSM8K.choose_shots(samples[0], shots, GSM8K.num_fewshot))
    assert prompt.count("Question: ") == 6
    for each in (*samples, *shots):  # every reference solution is right by its own scorers
        strict = get_benchmark("gsm8k:lm-eval-strict").scorer(each, str(each.metadata["solution"]))
        assert strict.value == 1, each
        assert GSM8K.scorer(each, str(each.metadata["solution"])).value == 1, each


def test_a_recording_serves_as_data() -> None:
    path = str(shared_data() / RECORDED_GSM8K)
    source = resolve("gsm8k", GSM8K.data, DatasetSettings(path=path, where={"model": "openai-6b_finetuning"}), None)
    samples = load_samples(source.rows(), GSM8K.make_sample, {}, (), None)
    assert (len(samples), samples[0].id, samples[0].target) == (1319, "gsm8k-test-0", "18")
    every = load_samples(shared_rows(RECORDED_GSM8K), GSM8K.make_sample, {}, (), None)
    assert (len({sample.id for sample in every}), every[1].id) == (4 * 1319, "gsm8k-test-0#2")
