"""What a benchmark is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..chat import Json
from ..datasets import HubDataset
from ..datasets.files import Row
from ..errors import DatasetError
from ..samples import Sample
from ..scorers import Scorer


@dataclass(frozen=True)
class Generation:
    """How the model is to answer. ``max_tokens`` in tokens; ``stop`` are texts that end the answer."""

    max_tokens: int
    temperature: float = 0.0
    stop: tuple[str, ...] = ()


def first_shots(sample: Sample, shots: Sequence[Sample], count: int) -> Sequence[Sample]:
    """The first worked examples, the same for every question."""
    return shots[:count]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A declaration. Prompt and scorer are one unit: another scorer on the same replies measures something else.

    Attributes:
        variant: the source whose rules it follows; "" for a benchmark of the user's own.
        version: changes when its results do.
        num_fewshot: worked examples that the source puts before each question.
        takes_fewshot: whether its prompt has a place for them.
        make_sample: a row and its number (from 0) to a Sample.
        make_prompt: a Sample and its worked examples to the text that is asked.
        choose_shots: (sample, all worked examples, how many) to those that stand before this sample's question.
    """

    name: str
    variant: str
    version: str
    summary: str
    licence: str
    data: HubDataset | None
    make_sample: Callable[[Row, int], Sample]
    make_prompt: Callable[[Sample, Sequence[Sample]], str]
    generation: Generation
    scorer: Scorer
    num_fewshot: int = 0
    takes_fewshot: bool = True
    choose_shots: Callable[[Sample, Sequence[Sample], int], Sequence[Sample]] = first_shots

    @property
    def full_name(self) -> str:
        return f"{self.name}:{self.variant}" if self.variant else self.name


def column(row: Row, index: int, *names: str) -> Json:
    """The first of these columns that the row has a value in.

    Raises:
        DatasetError: it has none of them; names the row and what is there.
    """
    for name in names:
        if row.get(name) is not None:
            return row[name]
    there = ", ".join(name for name, value in row.items() if value is not None)
    raise DatasetError(
        f"row {index + 1} has no value in the column {' or '.join(names)}; it has {there or 'nothing'} "
        "(dataset.fields names other columns)"
    )


def as_text(value: Json, where: str) -> str:
    """Text, or a number or truth value as text.

    Raises:
        DatasetError: a list or an object, which would be asked, or taken for right, as Python writes it.
    """
    if value is None or isinstance(value, (list, dict)):
        raise DatasetError(
            f"{where} should be a text, not {str(value)[:60]} (dataset.fields may reach into objects: "
            "{question: doc.question})"
        )
    return str(value)


def text_column(row: Row, index: int, *names: str, chat: bool = False) -> str:
    """The text of the first of these columns that the row has a value in.

    Args:
        chat: whether it may be a list of chat messages; the last user turn counts then.

    Raises:
        DatasetError: there is none, or it is no text.
    """
    value = column(row, index, *names)
    if chat and isinstance(value, list):
        value = _last_question(value) or value
    return as_text(value, f"row {index + 1}: {' or '.join(names)}")


def _last_question(messages: list[Json]) -> str | None:
    turns = [(turn.get("role"), turn.get("content")) for turn in messages if isinstance(turn, dict)]
    if len(turns) != len(messages) or not all(isinstance(content, str) for _, content in turns):
        return None
    return next((str(content) for role, content in reversed(turns) if role == "user"), None)


def row_id(row: Row, index: int, *names: str) -> str:
    """The first of these columns that the row has a value in, else the row's number, from 0."""
    return next((str(row[name]) for name in names if row.get(name) not in (None, "")), str(index))
