"""Rules of a learner's progress: days, streaks, freezes and totals.

A day counts for a streak if a session was completed on it in the learner's local time. A missed day ends it,
unless a freeze covers that day, which then does not count. Every seventh day of a streak earns a freeze,
while fewer than two are held. Today is not missed yet.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from game.domain.sessions import compute_average_score

DAY = timedelta(days=1)
MAX_DAYS_SHOWN = 365
DEFAULT_SENTENCES_PER_DAY = 10
FREEZE_INTERVAL_DAYS = 7
MAX_FREEZES = 2


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


def sum_by_key[K](parts: Iterable[tuple[K, Totals]]) -> dict[K, Totals]:
    summed: dict[K, Totals] = {}
    for key, totals in parts:
        summed[key] = summed.get(key, Totals()) + totals
    return summed


@dataclass
class _Streak:
    """The streak up to `last`, which was played or covered by a freeze."""

    last: date
    days: int = 0
    freezes: int = 0
    used: list[date] = field(default_factory=list)

    def miss_days_before(self, day: date) -> None:
        while self.last < day - DAY and self.freezes:
            self.last += DAY
            self.freezes -= 1
            self.used.append(self.last)
        if self.last < day - DAY:
            self.days = 0

    def add(self, day: date) -> None:
        self.miss_days_before(day)
        self.last = day
        self.days += 1
        if self.days % FREEZE_INTERVAL_DAYS == 0 and self.freezes < MAX_FREEZES:
            self.freezes += 1


@dataclass(frozen=True)
class Streaks:
    """`freezes_used` lists the days that freezes covered, oldest first."""

    current: int
    longest: int
    freezes: int
    freezes_used: list[date]

    @property
    def days_to_next_freeze(self) -> int | None:
        """Return the days with a session until the next freeze, or None while no more can be held."""
        if self.freezes == MAX_FREEZES:
            return None
        return FREEZE_INTERVAL_DAYS - self.current % FREEZE_INTERVAL_DAYS


def find_latest_day(days: Collection[date], *, today: date) -> date:
    """Return today, or the last day with a session: eastern zones are a day ahead."""
    return max([today, *days])


def compute_streaks(days: Collection[date], *, today: date) -> Streaks:
    """Replay the days with sessions, in any order. Each day's outcome depends only on the days before it."""
    if not days:
        return Streaks(0, 0, 0, [])
    longest, streak = 0, _Streak(last=min(days))
    for day in sorted(set(days)):
        streak.add(day)
        longest = max(longest, streak.days)
    streak.miss_days_before(find_latest_day(days, today=today))
    return Streaks(streak.days, longest, streak.freezes, streak.used)
