"""Schemas of the activity of all learners."""

import datetime as dt

from pydantic import BaseModel, ConfigDict, Field

from game.types import Day


class ActivityFilter(BaseModel):
    """A period of days, both inclusive."""

    from_: Day | None = Field(
        default=None,
        alias="from",
        description="At most a year before `to`. By default the period has 30 days.",
        examples=["2026-03-01"],
    )
    to: Day | None = Field(default=None, description="Today by default.", examples=["2026-03-31"])


class DayActivity(BaseModel):
    """The activity of all learners on one day."""

    model_config = ConfigDict(from_attributes=True)

    date: dt.date = Field(examples=["2026-03-01"])
    active_learners: int = Field(examples=[120])
    sessions: int = Field(examples=[310])
    sentences: int = Field(examples=[3100])
    correct: int = Field(examples=[2350])


class ActiveLearners(BaseModel):
    """Different learners on the last day, and in the 7 and 30 days up to it."""

    model_config = ConfigDict(from_attributes=True)

    daily: int = Field(examples=[120])
    weekly: int = Field(examples=[480])
    monthly: int = Field(examples=[1250])


class ActivityOverview(BaseModel):
    """The activity of all learners in a period."""

    from_: dt.date = Field(serialization_alias="from", examples=["2026-03-01"])
    to: dt.date = Field(examples=["2026-03-31"])
    days: list[DayActivity] = Field(description="Every day of the period, oldest first.")
    active_learners: ActiveLearners
    average_session_seconds: float | None = Field(examples=[285.4])
