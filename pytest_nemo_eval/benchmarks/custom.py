"""A benchmark that a suite or a test declares itself: a prompt with the data's columns in it, and a scorer."""

from __future__ import annotations

import string
from collections.abc import Sequence

from ..datasets.files import Row
from ..errors import ConfigError
from ..samples import Sample
from ..scorers import Scorer
from .base import Benchmark, Generation, row_id, text_column


def custom_benchmark(name: str, prompt: str, scorer: Scorer, cluster: str | None = None) -> Benchmark:
    """A benchmark of the user's own.

    The data has the columns that the prompt names, and ``answer`` (or ``target``); ``id``, ``category`` and ``choices``
    (or ``options``: a list) where there are. Without ``id``, rows are numbered.

    Args:
        prompt: with ``{column}`` for the data's columns; ``{{`` and ``}}`` are braces.
        cluster: the column that says which questions were drawn together.

    Raises:
        ConfigError: a prompt that is no such template.
    """
    columns = _columns(name, prompt)

    def make_sample(row: Row, index: int) -> Sample:
        values = {wanted: text_column(row, index, wanted, chat=True) for wanted in columns}
        choices = row.get("choices") or row.get("options")
        return Sample(
            id=row_id(row, index, "id"),
            input=prompt.format(**values),
            target=text_column(row, index, "answer", "target"),
            choices=tuple(map(str, choices)) if isinstance(choices, list) else (),
            category=str(row.get("category") or ""),
            cluster=text_column(row, index, cluster) if cluster else "",
        )

    return Benchmark(
        name=name,
        variant="",
        version="1",
        summary="declared by the suite",
        licence="",
        data=None,
        make_sample=make_sample,
        make_prompt=_prompt,
        generation=Generation(max_tokens=256),
        scorer=scorer,
    )


def _prompt(sample: Sample, shots: Sequence[Sample]) -> str:
    """Worked examples are a question with its (first) right answer behind it."""
    examples = [f"{shot.input} {shot.target.partition('|')[0]}" for shot in shots]
    return "\n\n".join([*examples, sample.input])


def _columns(name: str, prompt: str) -> list[str]:
    """The columns that a prompt names; nothing but plain names, since a format string can reach into objects."""
    try:
        fields = [part[1:] for part in string.Formatter().parse(prompt) if part[1] is not None]
    except ValueError as error:
        raise ConfigError(f"the prompt of {name} is no template: {error}; write {{{{ and }}}} for braces") from None
    columns = [
        field for field, spec, conversion in fields if field and field.isidentifier() and not (spec or conversion)
    ]
    if len(columns) != len(fields):
        raise ConfigError(f"the prompt of {name} may name columns as {{column}} only; write {{{{ and }}}} for braces")
    if not columns:
        raise ConfigError(f"the prompt of {name} names no column of the data, such as {{question}}")
    return columns
