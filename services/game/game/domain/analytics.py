"""Rules of the analytics: their period, and how hard a speech is compared with its level.

A speech is drawn at its own level, so its learners are those of that level. It matches if its correct rate is
near that of its level's learners. A rate far below or above suggests one level up or down.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import get_args

from contracts.vocabulary import Level
from shared.errors import field_error

from game.types import MIN_DATE

DEFAULT_PERIOD_DAYS = 30
MAX_PERIOD_DAYS = 366
DAY, WEEK = timedelta(days=1), timedelta(days=7)

MIN_SUGGESTION_PLAYS = 30
"""With fewer plays, chance moves a rate by more than the tolerance in one of ten speeches."""
MIN_LEVEL_ANSWERS = 200
MAX_RATE_DIFFERENCE = 0.15
DEFAULT_LEVEL_RATE = 0.8
LEVELS: tuple[Level, ...] = get_args(Level)


def resolve_period(first: date | None, last: date | None, *, today: date) -> tuple[date, date]:
    """Return the first and the last day. Raises Invalid for a reversed or too long period."""
    last = last or today
    first = first or max(last - timedelta(days=DEFAULT_PERIOD_DAYS - 1), MIN_DATE)
    if first > last:
        raise field_error("#/query/from", "must not be after to")
    if last - first >= timedelta(days=MAX_PERIOD_DAYS):
        raise field_error("#/query/from", f"must be less than {MAX_PERIOD_DAYS} days before to")
    return first, last


def get_monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def compute_rate(correct: int, answered: int) -> float | None:
    return round(correct / answered, 4) if answered else None


def compute_level_rates(responses: Mapping[str, tuple[int, int]]) -> dict[Level, float]:
    """Return the correct rate of each level from its (answered, correct), or a default if there are few."""
    rates: dict[Level, float] = {}
    for level in LEVELS:
        answered, correct = responses.get(level, (0, 0))
        rates[level] = correct / answered if answered >= MIN_LEVEL_ANSWERS else DEFAULT_LEVEL_RATE
    return rates


def get_fitting_rates(level: Level, rates: Mapping[Level, float]) -> tuple[float, float]:
    """Return the lowest and highest rate for which no other level is suggested."""
    is_lowest, is_highest = level == LEVELS[0], level == LEVELS[-1]
    lowest = 0.0 if is_highest else rates[level] - MAX_RATE_DIFFERENCE
    return lowest, 1.0 if is_lowest else rates[level] + MAX_RATE_DIFFERENCE


def suggest_level(
    level: Level, *, measured_rate: float, plays: int, rates: Mapping[Level, float]
) -> Level | None:
    """Return the suggested level of a speech, or None if its own matches or there are too few plays."""
    lowest, highest = get_fitting_rates(level, rates)
    if plays < MIN_SUGGESTION_PLAYS or lowest <= measured_rate <= highest:
        return None
    return LEVELS[LEVELS.index(level) + (1 if measured_rate < lowest else -1)]
