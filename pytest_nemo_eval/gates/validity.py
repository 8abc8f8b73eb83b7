"""Signs of a broken set-up: most bad scores are one, and none of them says anything about the model."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..config.settings import Shares
from ..errors import ConfigError
from ..metrics import Measurements
from ..runs import ModelRecord
from ..scores import Outcome

FEWEST_REPLIES = 20
"""Below this, a share says too little."""


@dataclass(frozen=True)
class Fault:
    """What replies may show.

    Attributes:
        share: above this share of the replies the set-up is taken to be broken, unless the user says otherwise.
        words: what happened; ``advice`` is what usually lies behind it.
    """

    share: float
    words: str
    advice: str


CHAT_TEMPLATE = "chat_template"
FAULTS: Mapping[str, Fault] = {
    "truncation_rate": Fault(
        0.5, "replies ran into the limit of tokens", "raise max_new_tokens, or --max-model-len of the server"
    ),
    "extraction_failure_rate": Fault(
        0.5,
        "replies held no answer that the scorer could extract",
        "look at the replies in the Run: prompt and scorer belong together, and thoughts (<think>) have to be removed",
    ),
    "empty_reply_rate": Fault(
        0.2, "replies were empty", "look at the server's stop strings, its reasoning parser and the chat template"
    ),
    "identical_reply_rate": Fault(
        0.95, "replies were one and the same", "look at the prompt and the chat template: does the question arrive?"
    ),
    "error_rate": Fault(0.1, "samples ended in an error", "look at the errors in the Run"),
}


def check_shares(shares: Shares | bool) -> None:
    """Whether a ``validity`` makes sense.

    Raises:
        ConfigError: an unknown fault, or a share out of range.
    """
    if isinstance(shares, bool):
        return
    for name, share in shares.items():
        if name not in FAULTS and name != CHAT_TEMPLATE:
            near = difflib.get_close_matches(name, [*FAULTS, CHAT_TEMPLATE], n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join([*FAULTS, CHAT_TEMPLATE])}"
            raise ConfigError(f"validity: no fault is called {name}; {hint}")
        if not isinstance(share, bool) and (name == CHAT_TEMPLATE or not 0 <= share <= 1):
            raise ConfigError(f"validity.{name} is {share}: give a share from 0 to 1, or false not to look for it")


def find_faults(measured: Measurements, model: ModelRecord, shares: Shares | bool = True) -> list[str]:
    """What is wrong with a set-up, each in one line: what happened, how often, what to look at.

    Args:
        shares: other bounds by fault; False for one, or for all, does not look for it.
    """
    if shares is False:
        return []
    chosen: Mapping[str, float | bool] = {} if shares is True else shares
    found = []
    if chosen.get(CHAT_TEMPLATE) is not False and model.chat_template is False and model.protocol == "chat":
        found.append(
            "the model has no chat template, so the server made one up: ask for completions (a URL that ends in "
            "/v1/completions, or target.api_endpoint.type: completions), or give the server a template"
        )
    replies = sum(outcome.value is not None for outcome in measured.outcomes)
    for name, fault in FAULTS.items():
        bound = chosen.get(name, True)
        limit = fault.share if bound is True else float(bound)
        if bound is False or (replies < FEWEST_REPLIES and bound is True):
            continue
        share = measured.metric(name).value
        if share > limit and not _as_it_should_be(name, share, measured.outcomes):
            found.append(f"{share:.0%} of the {fault.words} (bound: {limit:.0%}): {fault.advice}")
    return found


def _as_it_should_be(name: str, share: float, outcomes: Sequence[Outcome]) -> bool:
    """Where nearly all questions have one right answer, nearly all replies may be the same."""
    if name != "identical_reply_rate":
        return False
    targets = Counter(outcome.target_digest for outcome in outcomes)
    return max(targets.values()) / len(outcomes) >= share - 0.05
