"""What has become of each sample of a Job."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from ..runs import RunWriter
from ..samples import Sample
from ..scores import Outcome, SampleResult
from .plan import Job

REFUSED = "refused: "
UNSCORED = "unscored: "
"""How the errors begin that say nothing about the endpoint's health."""
_SHOWN = 3
Asked = tuple[int, Sample, int]
"""Place, sample and repeat."""


class Book:
    """The results of a Job as they come: on disk, and in memory what metrics need of them.

    A sample's *place* is its number among all that are asked: samples in order, the repeats of each side by side.

    Args:
        shuffled: ask in an order that the data decides, the same each time, instead of the data's own.

    Attributes:
        outcomes: by place; None for what is not finished.
        errors: of samples that ended in one; ``gone`` of them, because the endpoint gave no answer.
    """

    def __init__(self, job: Job, writer: RunWriter, *, shuffled: bool = False) -> None:
        self.job = job
        self.writer = writer
        self.total = len(job.samples) * job.repeats
        self.outcomes: list[Outcome | None] = [None] * self.total
        self.done = 0
        self.gone = 0
        self.score_sum = 0.0
        self._order: Sequence[int] = range(len(job.samples))
        if shuffled:
            self._order = list(self._order)
            random.Random(job.data_fingerprint).shuffle(self._order)  # noqa: S311  # an order, no secret
        self._errors: dict[int, str] = {}

    @property
    def errors(self) -> int:
        return len(self._errors)

    def unfinished(self) -> Iterator[Asked]:
        """What is still to be asked, in the order of asking."""
        for place in self._places():
            if self.outcomes[place] is None:
                index, repeat = divmod(place, self.job.repeats)
                yield place, self.job.samples[index], repeat

    def note(self, result: SampleResult, place: int) -> None:
        """A sample is finished.

        Raises:
            StorageError: its line cannot be written.
        """
        self.writer.append(result, place)
        self.outcomes[place] = Outcome.of(result)
        self.done += 1
        if result.score is None:
            error = result.error or ""
            self._errors[place] = f"{result.sample_id}: {error}"
            self.gone += not error.startswith((REFUSED, UNSCORED))
        else:
            self.score_sum += result.score.value

    def reopen(self) -> None:
        """Samples that the endpoint gave no answer to are to be asked again."""
        for place, error in list(self._errors.items()):
            if not error.partition(": ")[2].startswith((REFUSED, UNSCORED)):
                del self._errors[place]
                self.outcomes[place] = None
                self.done -= 1
        self.gone = 0

    def prefix(self) -> list[int]:
        """The places of the longest finished beginning of the order of asking, in the order of samples.

        Answers that finish early are easier than others: of a run that was cut short only this part is no choice of the
        clock's.
        """
        found = []
        for place in self._places():
            if self.outcomes[place] is None:
                break
            found.append(place)
        return sorted(found)

    def all_refused(self) -> bool:
        """Whether nothing that finished was anything but refused."""
        return self.errors == self.done and all(
            error.partition(": ")[2].startswith(REFUSED) for error in self._errors.values()
        )

    def errors_in_words(self) -> str:
        """How many samples ended in an error, how many may, and the first of them."""
        first = "; ".join(list(self._errors.values())[:_SHOWN])
        return (
            f"{self.job.benchmark.full_name}: {self.errors} of {self.total} samples ended in an error, and "
            f"{self.job.max_errors} may (max_errors); {self.done - self.errors} are scored. First: {first or 'none'}"
        )

    def _places(self) -> Iterator[int]:
        for repeat in range(self.job.repeats):
            for index in self._order:
                yield index * self.job.repeats + repeat
