"""Tables of the analytics: sums that identify no learner."""

import datetime as dt
from uuid import UUID

from shared.data.db import Base
from sqlalchemy import BigInteger, Computed, Double, ForeignKey, Index, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from game.models.practice import PRIOR_CORRECT, PRIOR_PLAYS


class UncountedSession(Base):
    """A session not yet included in the analytics. A trigger adds each new one."""

    __tablename__ = "uncounted_sessions"

    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("game_sessions.id", ondelete="CASCADE"), primary_key=True
    )


class DailyLevel(Base):
    """The sessions of one level on one day. Skipped sentences are not answered."""

    __tablename__ = "daily_levels"

    day: Mapped[dt.date] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(Text, primary_key=True)
    sessions: Mapped[int] = mapped_column(BigInteger)
    sentences: Mapped[int] = mapped_column(BigInteger)
    answered: Mapped[int] = mapped_column(BigInteger)
    correct: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[int] = mapped_column(BigInteger)


class DailyTag(Base):
    """The sessions of one day for which a tag was selected."""

    __tablename__ = "daily_tags"

    day: Mapped[dt.date] = mapped_column(primary_key=True)
    tag_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    sessions: Mapped[int] = mapped_column(BigInteger)
    sentences: Mapped[int] = mapped_column(BigInteger)
    answered: Mapped[int] = mapped_column(BigInteger)
    correct: Mapped[int] = mapped_column(BigInteger)


class ScoreSums:
    """Columns of verified scores. `scorer` is empty for scores from before it was recorded."""

    scorer: Mapped[str] = mapped_column(Text, primary_key=True)
    scores: Mapped[int] = mapped_column(BigInteger)
    score_sum: Mapped[float] = mapped_column(Double)


class DailyScore(ScoreSums, Base):
    """The verified scores of one day; `bucket` 0 holds scores below 10, and 9 those from 90."""

    __tablename__ = "daily_scores"

    day: Mapped[dt.date] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(Text, primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class DailyTagScore(ScoreSums, Base):
    __tablename__ = "daily_tag_scores"

    day: Mapped[dt.date] = mapped_column(primary_key=True)
    tag_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)


class DailyPhoneme(ScoreSums, Base):
    __tablename__ = "daily_phonemes"

    day: Mapped[dt.date] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(Text, primary_key=True)


class DailyRegistrations(Base):
    """Number of accounts created on a UTC day. It outlives and does not identify them."""

    __tablename__ = "daily_registrations"

    day: Mapped[dt.date] = mapped_column(primary_key=True)
    registrations: Mapped[int] = mapped_column(BigInteger)


class SpeechFigures(Base):
    """The plays of a speech at its newest level. A skipped result is not a play.

    `measured_rate` is the correct rate, shrunk towards the prior while there are few plays.
    """

    __tablename__ = "speech_figures"

    speech_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    level: Mapped[str] = mapped_column(Text)
    plays: Mapped[int] = mapped_column(BigInteger)
    correct: Mapped[int] = mapped_column(BigInteger)
    measured_rate: Mapped[float] = mapped_column(
        Double,
        Computed(
            f"(correct + {PRIOR_CORRECT})::double precision / (plays + {PRIOR_PLAYS})::double precision",
            persisted=True,
        ),
    )

    __table_args__ = (
        Index(None, "measured_rate", "speech_id"),
        Index(None, "level", "measured_rate", "speech_id"),
        Index(None, "plays", "speech_id"),
    )


class SpeechScore(ScoreSums, Base):
    __tablename__ = "speech_scores"

    speech_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
