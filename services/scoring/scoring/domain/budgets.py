"""The limits of budgets, and their periods in UTC."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from scoring.types import BudgetName


@dataclass(frozen=True)
class Limits:
    """Milliseconds of audio, as integers, because sums of fractions are inexact. 0 means no limit."""

    daily_ms_per_learner: int
    monthly_ms: int

    @classmethod
    def from_seconds(cls, *, daily_per_learner: int, monthly: int) -> Self:
        return cls(daily_per_learner * 1000, monthly * 1000)

    def __bool__(self) -> bool:
        return self.daily_ms_per_learner > 0 or self.monthly_ms > 0

    @property
    def lets_one_learner_spend_all(self) -> bool:
        return self.monthly_ms > 0 and not 0 < self.daily_ms_per_learner < self.monthly_ms


@dataclass(frozen=True)
class Periods:
    """The day and month that contain a time. Their ends are exclusive."""

    day: str
    day_end: datetime
    month: str
    month_end: datetime

    @classmethod
    def from_moment(cls, now: datetime) -> Self:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        # Every month is over 32 days after its first day.
        next_month = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
        return cls(f"{now:%Y-%m-%d}", midnight + timedelta(days=1), f"{now:%Y-%m}", next_month)

    def get_end(self, budget: BudgetName) -> datetime:
        return self.month_end if budget == "month" else self.day_end
