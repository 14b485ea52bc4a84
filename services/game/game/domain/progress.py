"""A learner's progress: days, streaks of days, and totals. All of it is pure.

A day counts for a streak if a session was completed on it, in the learner's own time zone. The current streak
ends today or yesterday: a day that is not over yet does not break it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from game.domain.sessions import average
from game.errors import unknown_zone

DAY = timedelta(days=1)
DAYS_SHOWN = 365


@dataclass(frozen=True)
class Tally:
    """What some sessions come to together."""

    sessions: int = 0
    sentences: int = 0
    correct: int = 0
    score_sum: float = 0.0
    scored_count: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            sessions=self.sessions + other.sessions,
            sentences=self.sentences + other.sentences,
            correct=self.correct + other.correct,
            score_sum=self.score_sum + other.score_sum,
            scored_count=self.scored_count + other.scored_count,
        )

    @property
    def correct_rate(self) -> float | None:
        """0-1, four decimals; null without sentences."""
        return round(self.correct / self.sentences, 4) if self.sentences else None

    @property
    def avg_pronunciation_score(self) -> float | None:
        """0-100, of all scored results alike, not of the sessions' averages."""
        return average(self.score_sum, self.scored_count)


def totals[K](tallies: Iterable[tuple[K, Tally]]) -> dict[K, Tally]:
    """The sum of the tallies of each key, by key."""
    summed: dict[K, Tally] = {}
    for key, tally in tallies:
        summed[key] = summed.get(key, Tally()) + tally
    return summed


def streaks(days: Iterable[date], *, today: date) -> tuple[int, int]:
    """How many days in a row: the streak that still runs, and the longest one.

    A day after today comes from a learner's clock that is ahead; it belongs to the streak like any other.
    """
    longest = running = 0
    previous: date | None = None
    for day in sorted(set(days)):
        running = running + 1 if previous == day - DAY else 1
        longest = max(longest, running)
        previous = day
    still_runs = previous is not None and previous >= today - DAY
    return (running if still_runs else 0), longest


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises Invalid."""
    if name not in _zone_names():
        raise unknown_zone()
    return ZoneInfo(name)
