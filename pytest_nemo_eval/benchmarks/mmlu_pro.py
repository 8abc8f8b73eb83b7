"""MMLU-Pro: multiple choice with up to ten options in 14 subjects (Wang et al., 2024; 12032 questions)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..datasets import HubDataset
from ..datasets.files import Row
from ..errors import DatasetError
from ..samples import Sample
from ..scorers import create_scorer
from .base import Benchmark, Generation, column, row_id, text_column
from .options import LETTERS, read_options

DATA = HubDataset(
    id="TIGER-Lab/MMLU-Pro",
    revision="527feea0afed1de15a8c115abf7be4c912123315",
    split="test",
    fewshot_split="validation",
)


def make_sample(row: Row, index: int) -> Sample:
    """A row of the data set: question, options, answer (a letter) or answer_index, category.

    Options are a list, a list as text (CSV), or the columns A, B, C, ...; without any, ``prompt`` is asked as it is.
    """
    options = read_options(row, index)
    asked = ("question", "prompt") if options else ("prompt",)
    return Sample(
        id=row_id(row, index, "question_id", "sample_id"),
        input=text_column(row, index, *asked, chat=True).strip(),
        target=_letter(row, index, options),
        choices=options,
        category=str(row.get("category") or ""),
        metadata={"solution": str(row.get("cot_content") or "")},
    )


def _letter(row: Row, index: int, options: Sequence[str]) -> str:
    letters = LETTERS[: len(options) or None]
    answer = column(row, index, "answer", "target", "answer_index")
    if isinstance(answer, str) and len(answer.strip()) == 1 and answer.strip().upper() in letters:
        return answer.strip().upper()
    number = row.get("answer_index") if isinstance(answer, str) else answer
    if number in (None, "") and answer not in options:
        number = answer
    if isinstance(number, str) and number.strip().isdecimal():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(letters):
        raise DatasetError(
            f"row {index + 1}: answer should be one of the letters {letters}, or answer_index 0 to {len(letters) - 1}, "
            f"not {str(answer)[:60]!r} and {str(number)[:60]}"
        )
    return letters[number]


def same_category(sample: Sample, shots: Sequence[Sample], count: int) -> Sequence[Sample]:
    """The first worked examples of the question's own subject; none before a prompt that is asked as it is."""
    return [shot for shot in shots if shot.category == sample.category][:count] if sample.choices else ()


def _question(sample: Sample) -> str:
    options = "".join(f"{letter}. {text}\n" for letter, text in zip(LETTERS, sample.choices, strict=False))
    return f"Question:\n{sample.input}\nOptions:\n{options}"


def lm_eval_prompt(sample: Sample, shots: Sequence[Sample]) -> str:
    """lm-eval's: a sentence on the subject, worked examples with their reasoning, the question."""
    if not sample.choices:
        return sample.input
    head = (
        f"The following are multiple choice questions (with answers) about {sample.category}. Think step by step and "
        'then finish your answer with "the answer is (X)" where X is the correct letter choice.\n'
    )
    examples = "".join(f"{_question(shot)}{_reasoning(shot)}\n\n" for shot in shots)
    return f"{head}{examples}{_question(sample)}Answer: Let's think step by step."


def _reasoning(shot: Sample) -> str:
    return str(shot.metadata["solution"]).replace("A: Let's think", "Answer: Let's think", 1)


def answer_line_prompt(sample: Sample, shots: Sequence[Sample]) -> str:
    """simple-evals': the last line is to be ``Answer: $LETTER``."""
    if not sample.choices:
        return sample.input
    letters = LETTERS[: len(sample.choices)]
    options = "\n".join(f"{letter}) {text}" for letter, text in zip(letters, sample.choices, strict=False))
    return (
        "Answer the following multiple choice question. The last line of your response should be of the following "
        f"format: 'Answer: $LETTER' (without quotes) where LETTER is one of {letters}. Think step by step before "
        f"answering.\n\n{sample.input}\n\n{options}"
    )


LM_EVAL = Benchmark(
    name="mmlu_pro",
    variant="lm-eval",
    version="1",
    summary='multiple choice in 14 subjects; the letter behind "answer is" counts',
    licence="Apache-2.0",
    data=DATA,
    make_sample=make_sample,
    make_prompt=lm_eval_prompt,
    generation=Generation(max_tokens=2048, stop=("</s>", "Question:", "<|im_end|>")),
    scorer=create_scorer("choice"),
    num_fewshot=5,
    choose_shots=same_category,
)
"""lm-eval's mmlu_pro. Newer versions of it stop at "Q:" where this stops at "Question:"."""

NVIDIA_SIMPLE_EVALS = replace(
    LM_EVAL,
    variant="nvidia-simple-evals",
    summary='multiple choice in 14 subjects; the letter behind "Answer:" counts',
    make_prompt=answer_line_prompt,
    generation=Generation(max_tokens=2048),
    scorer=create_scorer("choice-answer-line"),
    num_fewshot=0,
    takes_fewshot=False,
)
"""NVIDIA's simple-evals, mmlu_pro, without worked examples."""
