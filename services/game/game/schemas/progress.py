"""Schemas of a learner's progress."""

import datetime as dt

from pydantic import BaseModel, ConfigDict, Field

from game.types import Level


class DayProgress(BaseModel):
    """One day in the learner's time zone."""

    model_config = ConfigDict(from_attributes=True)

    date: dt.date
    sessions: int
    sentences: int
    correct: int


class LevelProgress(BaseModel):
    """All sessions of one level."""

    level: Level
    sessions: int
    sentences: int
    correct_rate: float | None
    avg_pronunciation_score: float | None


class ProgressRead(BaseModel):
    """A learner's progress."""

    current_streak_days: int = Field(description="Days in a row with a session, up to today or yesterday.")
    longest_streak_days: int
    sessions: int
    sentences: int
    correct_rate: float | None = Field(description="Correct results by all results, 0-1.")
    avg_pronunciation_score: float | None
    by_day: list[DayProgress] = Field(description="Days with sessions among the last 365, oldest first.")
    by_level: list[LevelProgress]
