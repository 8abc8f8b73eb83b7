"""What a scorer is."""

from __future__ import annotations

from typing import Protocol

from ..samples import Sample
from ..scores import Score


class Scorer(Protocol):
    """Rules on one reply, in time linear in its length: a reply is hostile input."""

    @property
    def name(self) -> str: ...

    def __call__(self, sample: Sample, reply: str) -> Score:
        """1 for right, 0 for wrong, or between; an answer that cannot be extracted scores 0 with ``answer=None``.

        Raises:
            ScorerError: no ruling is possible; the sample then counts as unscored, not as wrong.
        """
        ...
