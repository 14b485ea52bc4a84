import datetime as dt

from contracts.vocabulary import Level
from pydantic import BaseModel, Field

from game.schemas.practice import PracticeRead


class DayProgress(BaseModel):
    """One local day of the learner."""

    date: dt.date = Field(examples=["2026-03-01"])
    sessions: int = Field(examples=[2])
    sentences: int = Field(examples=[20])
    correct: int = Field(examples=[15])


class LevelProgress(BaseModel):
    """All sessions of one level."""

    level: Level = Field(description="Level of the Common European Framework (CEFR).")
    sessions: int = Field(examples=[12])
    sentences: int = Field(examples=[120])
    correct_rate: float | None = Field(examples=[0.7417])
    avg_pronunciation_score: float | None = Field(examples=[81.2])


class ScorerProgress(BaseModel):
    """The verified scores of one scorer."""

    scorer: str = Field(description="Its name, with the version of its scores.", examples=["offline-1"])
    first_used_on: dt.date = Field(description="A local day of the learner.", examples=["2026-01-12"])
    last_used_on: dt.date = Field(examples=["2026-03-01"])
    sentences: int = Field(examples=[150])
    avg_pronunciation_score: float = Field(examples=[79.85])


class FreezesRead(BaseModel):
    """Freezes of the streak. A missed day spends one and does not end the streak."""

    available: int = Field(description="Freezes that are held, at most 2.", examples=[1])
    next_in_days: int | None = Field(
        description="Days with a session until the next freeze, if no day is missed until then; null "
        "while no more can be held.",
        examples=[4],
    )
    used: list[dt.date] = Field(
        description="Missed days of the last 365 that spent a freeze, oldest first.",
        examples=[["2026-02-20"]],
    )


class GoalProgress(BaseModel):
    """The daily goal, and how far it is reached today."""

    sentences_per_day: int = Field(
        description="Set by `PUT /api/v1/game/goal`; 10 until then.", examples=[20]
    )
    sentences_today: int = Field(description="Skipped ones included, as in `by_day`.", examples=[15])
    reached_today: bool = Field(examples=[False])


class ProgressRead(PracticeRead):
    """A learner's progress."""

    current_streak_days: int = Field(
        description="Days with a session, up to today or yesterday, without a missed day between them that "
        "no freeze covers.",
        examples=[10],
    )
    longest_streak_days: int = Field(description="As `current_streak_days`.", examples=[12])
    sessions: int = Field(examples=[18])
    sentences: int = Field(examples=[180])
    correct_rate: float | None = Field(description="Share of correct results, 0-1.", examples=[0.7222])
    avg_pronunciation_score: float | None = Field(description="0-100.", examples=[80.45])
    by_day: list[DayProgress] = Field(description="Days with sessions in the last 365 days, oldest first.")
    by_level: list[LevelProgress]
    goal: GoalProgress
    freezes: FreezesRead
    scorers: list[ScorerProgress] = Field(
        description="The scorers of the verified scores, in the order of first use. Scores of different "
        "scorers cannot be compared: a jump where one follows another is not progress."
    )
