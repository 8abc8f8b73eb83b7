"""Conditions on metrics, and what they come out as."""

from .composite import Part, judge_composite
from .drop import Drop, noise_of, refusal
from .gate import Gate, GateResult, Verdict
from .session import Decision, Judged, SessionVerdict, decide_session
from .threshold import Threshold
from .validity import check_shares, find_faults

__all__ = [
    "Decision",
    "Drop",
    "Gate",
    "GateResult",
    "Judged",
    "Part",
    "SessionVerdict",
    "Threshold",
    "Verdict",
    "check_shares",
    "decide_session",
    "find_faults",
    "judge_composite",
    "noise_of",
    "refusal",
]
