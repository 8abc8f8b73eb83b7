"""Conditions on metrics, and what they come out as."""

from .gate import Gate, GateResult, Threshold, Verdict

__all__ = ["Gate", "GateResult", "Threshold", "Verdict"]
