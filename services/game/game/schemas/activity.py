"""Schemas of the activity of all learners."""

import datetime as dt

from pydantic import BaseModel, ConfigDict, Field

from game.types import Day


class ActivityFilter(BaseModel):
    """UTC days, both included."""

    from_: Day | None = Field(default=None, alias="from", description="30 days up to `to` by default.")
    to: Day | None = Field(default=None, description="Today by default.")


class DayActivity(BaseModel):
    """What all learners did on one UTC day."""

    model_config = ConfigDict(from_attributes=True)

    date: dt.date
    active_learners: int
    sessions: int
    sentences: int
    correct: int


class ActiveLearners(BaseModel):
    """Different learners on the last day, in the 7 days and in the 30 days up to it."""

    model_config = ConfigDict(from_attributes=True)

    daily: int
    weekly: int
    monthly: int


class ActivityOverview(BaseModel):
    """Activity in a period."""

    from_: dt.date = Field(serialization_alias="from")
    to: dt.date
    days: list[DayActivity] = Field(description="Every day of the period, oldest first.")
    active_learners: ActiveLearners
    average_session_seconds: float | None
