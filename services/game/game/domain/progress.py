"""Rules of a learner's progress: days, streaks and totals.

A day counts for a streak if a session was completed on it in the learner's local time. The current streak
ends today or yesterday, because today is not over yet.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from game.domain.sessions import compute_average_score

DAY = timedelta(days=1)
MAX_DAYS_SHOWN = 365


@dataclass(frozen=True)
class Totals:
    """Sums over several sessions."""

    sessions: int = 0
    sentences: int = 0
    correct: int = 0
    score_sum: float = 0.0
    scored_count: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            sessions=self.sessions + other.sessions,
            sentences=self.sentences + other.sentences,
            correct=self.correct + other.correct,
            score_sum=self.score_sum + other.score_sum,
            scored_count=self.scored_count + other.scored_count,
        )

    @property
    def correct_rate(self) -> float | None:
        return round(self.correct / self.sentences, 4) if self.sentences else None

    @property
    def avg_pronunciation_score(self) -> float | None:
        # An average over results, not over the averages of sessions.
        return compute_average_score(self.score_sum, self.scored_count)


def sum_by_key[K](totals: Iterable[tuple[K, Totals]]) -> dict[K, Totals]:
    summed: dict[K, Totals] = {}
    for key, each in totals:
        summed[key] = summed.get(key, Totals()) + each
    return summed


def compute_streaks(days: Iterable[date], *, today: date) -> tuple[int, int]:
    """Return the lengths of the current and longest streak. Days ahead of today, in eastern zones, count."""
    longest = running = 0
    previous: date | None = None
    for day in sorted(set(days)):
        running = running + 1 if previous == day - DAY else 1
        longest = max(longest, running)
        previous = day
    is_current = previous is not None and previous >= today - DAY
    return (running if is_current else 0), longest
