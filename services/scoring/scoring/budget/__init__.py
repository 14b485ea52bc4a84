"""Limits the seconds of audio sent to paid providers, across all replicas."""

from scoring.budget.monitor import watch_budget
from scoring.budget.reservations import SpeechBudget

__all__ = ["SpeechBudget", "watch_budget"]
