"""One row of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from .chat import Json


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row: what is asked and what is right.

    Attributes:
        id: unique within the benchmark and stable over runs.
        input: the question, as the data set has it.
        target: the right answer, as the scorer wants it.
        choices: the options of a multiple-choice question, in order.
        category: the row's group, "" without groups.
        cluster: the passage or prompt that several questions share, where the benchmark declares one.
        metadata: further columns, such as a worked solution.
    """

    id: str
    input: str
    target: str
    choices: tuple[str, ...] = ()
    category: str = ""
    cluster: str = ""
    metadata: Mapping[str, Json] = msgspec.field(default_factory=dict)
