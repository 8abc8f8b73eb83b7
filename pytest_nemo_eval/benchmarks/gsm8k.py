"""GSM8K: word problems of grade school mathematics (Cobbe et al., 2021; 1319 questions)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..datasets import HubDataset
from ..datasets.files import Row
from ..samples import Sample
from ..scorers import create_scorer
from .base import Benchmark, Generation, row_id, text_column

DATA = HubDataset(
    id="openai/gsm8k",
    revision="cc7b047b6e5bb11b4f1af84efc572db110a51b3c",
    split="test",
    config="main",
    fewshot_split="train",
)


def make_sample(row: Row, index: int) -> Sample:
    """A row of the data set: question, and an answer that ends in ``#### NUMBER`` (or is a number)."""
    answer = text_column(row, index, "answer", "target")
    return Sample(
        id=row_id(row, index, "id", "sample_id", "question_id"),
        input=text_column(row, index, "question", "prompt", chat=True).strip(),
        target=answer.rpartition("####")[2].strip(),
        metadata={"solution": answer},
    )


def lm_eval_prompt(sample: Sample, shots: Sequence[Sample]) -> str:
    """lm-eval's: each worked example is a question and its whole solution."""
    examples = [f"Question: {shot.input}\nAnswer: {shot.metadata['solution']}" for shot in shots]
    return "\n\n".join([*examples, f"Question: {sample.input}\nAnswer:"])


def nemo_prompt(sample: Sample, shots: Sequence[Sample]) -> str:
    """NeMo Evaluator's: asks for the sentence that its scorer looks for; takes no worked examples."""
    return (
        "Solve the following math problem step by step. "
        f"Put your final numerical answer after 'The answer is'.\n\nProblem: {sample.input}"
    )


LM_EVAL = Benchmark(
    name="gsm8k",
    variant="lm-eval",
    version="1",
    summary="word problems of grade school mathematics; the last number of the reply counts",
    licence="MIT",
    data=DATA,
    make_sample=make_sample,
    make_prompt=lm_eval_prompt,
    generation=Generation(max_tokens=1024, stop=("Question:", "</s>", "<|im_end|>")),
    scorer=create_scorer("numeric"),
    num_fewshot=5,
)
"""lm-eval's gsm8k, flexible-extract. The worked examples are the first five of train for every question, where lm-eval
draws five for each."""

LM_EVAL_STRICT = replace(
    LM_EVAL,
    variant="lm-eval-strict",
    summary="word problems of grade school mathematics; the number behind #### counts",
    scorer=create_scorer("numeric-strict"),
)
"""lm-eval's gsm8k, strict-match."""

NEMO_EVALUATOR = replace(
    LM_EVAL,
    variant="nemo-evaluator",
    summary='word problems of grade school mathematics; the number behind "the answer is" counts',
    make_prompt=nemo_prompt,
    generation=Generation(max_tokens=1024),
    scorer=create_scorer("numeric-answer-is"),
    num_fewshot=0,
    takes_fewshot=False,
)
"""NeMo Evaluator's prompt and rule; what it compares as text is compared as numbers."""
