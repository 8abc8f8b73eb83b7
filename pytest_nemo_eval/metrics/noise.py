"""How far two runs of one model lie apart."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean, stdev

import msgspec

from ..errors import ConfigError


class RerunNoise(msgspec.Struct, frozen=True):
    """What a rerun of the same model on the same questions changes.

    Attributes:
        questions: asked in both runs.
        flips: questions whose value changed.
        shift: the mean difference, second less first.
        sd: of the differences by question.
    """

    questions: int
    flips: int
    shift: float
    sd: float

    @property
    def run_variance(self) -> float:
        """What of the shift's square single flips do not explain: variance that more questions do not lower."""
        return max(0.0, self.shift**2 - self.sd**2 / self.questions)

    def added_variance(self, stderr: float, n: int) -> float:
        """What reruns add to the squared standard error of a paired difference over n questions.

        So that se^2 = max(se_paired^2, sd^2 / n) + max(0, shift^2 - sd^2 / questions): questions flip at least as much
        as in a rerun, and a whole run may lie apart (another batch size, another kernel). The second part is drawn from
        one pair of runs and taken as known: intervals hold less often than they say where it outweighs the first.
        """
        return max(0.0, self.sd**2 / n - stderr**2) + self.run_variance


def rerun_noise(first: Mapping[str, float], second: Mapping[str, float]) -> RerunNoise:
    """The noise between two runs of one model, by question.

    Raises:
        ConfigError: they have no question in common.
    """
    differences = [second[question] - value for question, value in first.items() if question in second]
    if not differences:
        raise ConfigError("two runs of a model that have no question in common say nothing of its noise")
    return RerunNoise(
        questions=len(differences),
        flips=sum(difference != 0 for difference in differences),
        shift=fmean(differences),
        sd=stdev(differences) if len(differences) > 1 else 0.0,
    )
