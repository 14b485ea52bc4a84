from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from contracts.vocabulary import Level, SpeechType
from shared.data.audit_log import AuditEntry
from shared.data.db import Base
from shared.messaging.inbox import InboxEvent
from shared.messaging.outbox import OutboxEvent
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType
from uuid_utils.compat import uuid7

__all__ = [
    "AuditEntry",
    "Base",
    "CatalogueChange",
    "InboxEvent",
    "OutboxEvent",
    "RunningImport",
    "Speech",
    "SpeechStatistics",
    "SpeechTag",
    "Tag",
]


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id, which does not wrap around."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


# Without this, SQLAlchemy does not recognise the type in a database, and `alembic check` reports a change.
ischema_names["xid8"] = Xid8


def _create_value_check(column: str, values: tuple[str, ...]) -> CheckConstraint:
    literals = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({literals})", name=column)


TEXT_KEY = '"left"(casefold(text COLLATE pg_unicode_fast), 48)'
"""The case-insensitive sort key of texts, shortened because an index entry has at most 2,704 bytes."""
CORRECT_RATE_KEY = "(correct + 3)::double precision / (plays + 4)::double precision"
"""The sort key of difficulty: the rate of correct answers with four prior answers, three of them correct, so
that a single wrong answer does not make a speech the hardest.
"""

# The class itself has a column `text`.
_BY_TEXT, _BY_CORRECT_RATE = text(f"({TEXT_KEY})"), text(f"({CORRECT_RATE_KEY})")


class Tag(Base):
    """A keyword of speeches.

    Names are unique under Unicode's full case folding, which is the same for all languages: "ß" equals "ss",
    but "İ" does not equal "i". PostgreSQL folds independently of the locale of the database.
    """

    __tablename__ = "tags"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=func.uuidv7())
    name: Mapped[str] = mapped_column(String(100))
    category: Mapped[str] = mapped_column(String(100))
    # The speeches of this tag are being moved to that one; afterwards this tag is deleted.
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("tags.id"))

    __table_args__ = (
        Index("uq_tags_name", text("NORMALIZE(casefold(name COLLATE pg_unicode_fast), NFC)"), unique=True),
        CheckConstraint("name = btrim(name) AND name <> ''", name="name_trimmed"),
    )


class Speech(Base):
    """A recorded sentence. `number` is its position in the catalogue's bitmaps, and is never published."""

    __tablename__ = "speeches"

    # A client-side id matches the rows of one INSERT with the numbers returned by the database.
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7, server_default=func.uuidv7())
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    text: Mapped[str] = mapped_column(Text)
    level: Mapped[Level] = mapped_column(String(2))
    type: Mapped[SpeechType] = mapped_column(String(10))
    audio_key: Mapped[str] = mapped_column(String(1024))
    duration_ms: Mapped[int] = mapped_column(Integer)
    revision: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    archived_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # The import that created it.
    import_id: Mapped[UUID | None] = mapped_column(Uuid)
    # When a check first found the recording missing. This does not change the speech's revision.
    audio_missing_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # Set by a trigger, so that rows added with COPY are found too.
    search: Mapped[str | None] = mapped_column(TSVECTOR, deferred=True)

    __table_args__ = (
        _create_value_check("level", get_args(Level)),
        _create_value_check("type", get_args(SpeechType)),
        CheckConstraint("duration_ms > 0", name="duration_ms"),
        Index(None, "search", postgresql_using="gin"),
        # Ids are ordered by time, so the newest speeches of a level, type or tag are neighbours.
        Index(None, "level", "id"),
        Index(None, "type", "id"),
        # Partial indexes without archived speeches keep lists fast with any number of archived ones.
        Index("ix_speeches_in_play", "id", postgresql_where=archived_at.is_(None)),
        Index("ix_speeches_in_play_level", "level", "id", postgresql_where=archived_at.is_(None)),
        Index("ix_speeches_in_play_type", "type", "id", postgresql_where=archived_at.is_(None)),
        Index("ix_speeches_archived", "id", postgresql_where=archived_at.is_not(None)),
        Index("ix_speeches_audio_missing", "id", postgresql_where=audio_missing_since.is_not(None)),
        Index("ix_speeches_by_text", _BY_TEXT, "id"),
        Index(None, "audio_key"),
        Index(None, "import_id", "id", postgresql_where=import_id.is_not(None)),
    )

    @property
    def archived(self) -> bool:
        return self.archived_at is not None


class SpeechTag(Base):
    __tablename__ = "speech_tags"

    speech_id: Mapped[UUID] = mapped_column(ForeignKey("speeches.id", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[UUID] = mapped_column(ForeignKey("tags.id"), primary_key=True)

    __table_args__ = (Index(None, "tag_id", "speech_id"),)


class SpeechStatistics(Base):
    """The plays of a speech in all sessions. A speech that was never played has no row."""

    __tablename__ = "speech_statistics"

    speech_id: Mapped[UUID] = mapped_column(ForeignKey("speeches.id", ondelete="CASCADE"), primary_key=True)
    plays: Mapped[int] = mapped_column(BigInteger)
    correct: Mapped[int] = mapped_column(BigInteger)
    scored: Mapped[int] = mapped_column(BigInteger)
    score_sum: Mapped[float] = mapped_column(Double)

    __table_args__ = (
        Index(None, "plays", "speech_id"),
        Index("ix_speech_statistics_correct_rate", _BY_CORRECT_RATE, "speech_id"),
    )


class CatalogueChange(Base):
    __tablename__ = "catalogue_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    transaction: Mapped[int] = mapped_column(Xid8, server_default=func.pg_current_xact_id(), index=True)
    numbers: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class RunningImport(Base):
    """A running import, and the range that contains the ids of all its uncommitted speeches."""

    __tablename__ = "running_imports"

    import_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    first_id: Mapped[UUID] = mapped_column(Uuid)
    last_id: Mapped[UUID] = mapped_column(Uuid)
