import datetime as dt
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.data.audit_log import AuditEntry
from shared.data.db import Base
from shared.messaging.inbox import InboxEvent
from shared.messaging.outbox import OutboxEvent
from sqlalchemy import (
    BigInteger,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

__all__ = [
    "AuditEntry",
    "Base",
    "DailyActivity",
    "DailyGoal",
    "DailyLevel",
    "DailyPhoneme",
    "DailyRegistrations",
    "DailyScore",
    "DailyTag",
    "DailyTagScore",
    "ErasedUser",
    "GameResult",
    "GameSession",
    "InboxEvent",
    "OutboxEvent",
    "PractisedPhoneme",
    "PractisedScorer",
    "PractisedSpeech",
    "PractisedTag",
    "Review",
    "SpeechDeletion",
    "SpeechFigures",
    "SpeechRevision",
    "SpeechScore",
    "TagName",
    "UncountedSession",
    "UsedReceipt",
]

# The prior: eight of ten answers are correct.
PRIOR_PLAYS, PRIOR_CORRECT = 10, 8
IS_HARD = f"estimated_rate < {PRIOR_CORRECT / PRIOR_PLAYS}"
"""A speech that the learner finds harder than the prior says."""


class GameSession(Base):
    """A finished session and its totals. Never changed once it is saved, except for `practice_counted`.

    `idempotency_key` is unique per learner; `request_sha256` identifies a repetition of the same request.
    `utc_offset_minutes` is the learner's UTC offset, null if unknown. `selected_tags` is a list of {id, name}
    with the names at that time, null where unknown. `score_sum` and `scored_count` allow exact averages over
    several sessions. The learner's practised speeches, tags and phonemes include it if `practice_counted`.
    """

    __tablename__ = "game_sessions"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    user_id: Mapped[UUID] = mapped_column(Uuid)
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    request_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    mode: Mapped[str] = mapped_column(String(20))
    level: Mapped[str] = mapped_column(String(2))
    sentence_type: Mapped[str | None] = mapped_column(String(20))
    selected_tags: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    duration_seconds: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    completed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    utc_offset_minutes: Mapped[int | None]
    clock_adjusted: Mapped[bool] = mapped_column(server_default=false())
    total_sentences: Mapped[int]
    correct_count: Mapped[int]
    incorrect_count: Mapped[int]
    skipped_count: Mapped[int]
    max_streak: Mapped[int]
    score_sum: Mapped[float] = mapped_column(Double)
    scored_count: Mapped[int]
    avg_pronunciation_score: Mapped[float | None] = mapped_column(Double)
    saved_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    practice_counted: Mapped[bool] = mapped_column(server_default=false())

    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        Index("ix_game_sessions_practice", "id", postgresql_where=text("NOT practice_counted")),
        Index(None, "user_id", "completed_at", "id"),
        Index(None, "completed_at", "id"),
        Index(None, "mode", "completed_at", "id"),
        # With both filters, the sessions of the level are compared in the index, without reading their rows.
        Index(None, "level", "completed_at", "id", "mode"),
    )


class GameResult(Base):
    """The result of one speech in a session.

    `verified` means that a receipt supports the score; `scorer` and `phonemes`, as [symbol, count, sum of
    scores], come from it.
    """

    __tablename__ = "game_results"

    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("game_sessions.id", ondelete="CASCADE"), primary_key=True
    )
    sequence_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    speech_id: Mapped[UUID] = mapped_column(Uuid)
    user_response: Mapped[str] = mapped_column(String(20))
    response_time_ms: Mapped[int]
    pronunciation_score: Mapped[float | None] = mapped_column(Double)
    verified: Mapped[bool]
    recognized_text: Mapped[str | None] = mapped_column(Text)
    scorer: Mapped[str | None] = mapped_column(Text)
    phonemes: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))

    # Scorer statistics read this index instead of the results, up to 200 per session.
    __table_args__ = (
        Index(
            None,
            "session_id",
            postgresql_include=["scorer", "pronunciation_score"],
            postgresql_where=text("scorer IS NOT NULL"),
        ),
    )


class UsedReceipt(Base):
    __tablename__ = "used_receipts"

    jti: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(Uuid, index=True)


class SpeechRevision(Base):
    """A speech from `since` until its next revision. All revisions are kept, because past sessions show them.
    Each column is filled from the SpeechSnapshot field of the same name.
    """

    __tablename__ = "speech_revisions"

    speech_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    text: Mapped[str] = mapped_column(Text)
    level: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    tags: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    audio_key: Mapped[str] = mapped_column(Text)
    duration_ms: Mapped[int]
    archived_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SpeechDeletion(Base):
    __tablename__ = "speech_deletions"

    speech_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    revision: Mapped[int]
    deleted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


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


class TagName(Base):
    __tablename__ = "tag_names"

    tag_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))


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


class ErasedUser(Base):
    """The id of a deleted account, kept for a while so that late events store nothing about it."""

    __tablename__ = "erased_users"

    user_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


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
