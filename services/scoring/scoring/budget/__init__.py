"""Bounds the seconds of audio that are sent to paid providers, over all replicas."""

from scoring.budget.monitor import watch_budget
from scoring.budget.reservations import SpeechBudget

__all__ = ["SpeechBudget", "watch_budget"]
