"""Tables of finished sessions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.data.db import Base
from sqlalchemy import (
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
