"""Tables of a learner's activity, goal, reviews and practice."""

import datetime as dt
from datetime import datetime
from uuid import UUID

from shared.data.db import Base
from sqlalchemy import BigInteger, Computed, DateTime, Double, Index, String, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

# The prior: eight of ten answers are correct.
PRIOR_PLAYS, PRIOR_CORRECT = 10, 8
IS_HARD = f"estimated_rate < {PRIOR_CORRECT / PRIOR_PLAYS}"
"""A speech that the learner finds harder than the prior says."""


class DailyActivity(Base):
    __tablename__ = "daily_activity"

    user_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True, index=True)
    sessions: Mapped[int]
    sentences: Mapped[int]
    correct: Mapped[int]
    seconds: Mapped[int] = mapped_column(BigInteger)


class DailyGoal(Base):
    """The goal that a learner has set. Without a row, the default applies."""

    __tablename__ = "daily_goals"

    user_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    sentences_per_day: Mapped[int]


class Review(Base):
    """The next review of a speech by a learner: the fields of MemoryState."""

    __tablename__ = "reviews"

    user_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    speech_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    stability: Mapped[float] = mapped_column(Double)
    difficulty: Mapped[float] = mapped_column(Double)
    reviewed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    reviewed_on: Mapped[dt.date]
    interval_days: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    user_response: Mapped[str] = mapped_column(String(20))
    pronunciation_score: Mapped[float | None] = mapped_column(Double)
    verified: Mapped[bool]

    __table_args__ = (Index(None, "user_id", "due_at"),)


class PractisedSpeech(Base):
    """A learner's attempts at a speech, those that were not skipped, and their verified scores.

    `last_played_at` is the start of the latest session with it. `estimated_rate` is the share of successes:
    correct attempts, and of each score its hundredth, shrunk towards the prior while there are few.
    """

    __tablename__ = "practised_speeches"

    user_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    speech_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    attempts: Mapped[int]
    correct: Mapped[int]
    scores: Mapped[int]
    score_sum: Mapped[float] = mapped_column(Double)
    last_played_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    estimated_rate: Mapped[float] = mapped_column(
        Double,
        Computed(
            "(correct::double precision + score_sum / 100::double precision"
            f" + {PRIOR_CORRECT}::double precision) / (attempts + scores + {PRIOR_PLAYS})::double precision",
            persisted=True,
        ),
    )

    __table_args__ = (Index(None, "user_id", "estimated_rate", "speech_id", postgresql_where=text(IS_HARD)),)


class PractisedTag(Base):
    """The results of a learner with speeches that had the tag when they were played."""

    __tablename__ = "practised_tags"

    user_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    tag_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    sessions: Mapped[int]
    sentences: Mapped[int]
    correct: Mapped[int]
    score_sum: Mapped[float] = mapped_column(Double)
    scored_count: Mapped[int]


class PractisedPhoneme(Base):
    """The verified scores of a learner for one phoneme, by one scorer, whose alphabet the symbol is in."""

    __tablename__ = "practised_phonemes"

    user_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    scorer: Mapped[str] = mapped_column(Text, primary_key=True)
    symbol: Mapped[str] = mapped_column(Text, primary_key=True)
    scores: Mapped[int] = mapped_column(BigInteger)
    score_sum: Mapped[float] = mapped_column(Double)
    last_scored_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class PractisedScorer(Base):
    """The verified scores of a learner by one scorer, in sessions with one UTC offset.

    `utc_offset_minutes` is UNKNOWN_OFFSET for sessions whose times had none. The others are the completion of
    the first and of the last session.
    """

    __tablename__ = "practised_scorers"

    user_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    scorer: Mapped[str] = mapped_column(Text, primary_key=True)
    utc_offset_minutes: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    scores: Mapped[int]
    score_sum: Mapped[float] = mapped_column(Double)
    first_used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
