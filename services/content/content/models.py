"""The tables of the content service."""

from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from contracts.vocabulary import Level, SpeechType
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
    "Base",
    "CatalogueChange",
    "InboxEvent",
    "OutboxEvent",
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


# SQLAlchemy does not know the type when it reads a schema, and would compare its columns with nothing.
ischema_names["xid8"] = Xid8


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Tag(Base):
    """A word that speeches are found by.

    Names differ by more than their case, folded as Unicode does in full and for no language: "ß" is
    "ss", and "İ" is no "i". PostgreSQL does this the same whatever the locale of the database.
    """

    __tablename__ = "tags"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=func.uuidv7())
    name: Mapped[str] = mapped_column(String(100))
    category: Mapped[str] = mapped_column(String(100))

    __table_args__ = (
        Index("uq_tags_name", text("NORMALIZE(casefold(name COLLATE pg_unicode_fast), NFC)"), unique=True),
        CheckConstraint("name = btrim(name) AND name <> ''", name="name_trimmed"),
    )


class Speech(Base):
    """A recorded sentence. `number` is its place in the catalogue's bitmaps and never leaves the service."""

    __tablename__ = "speeches"

    # Made here, rows that are inserted together can be told apart when the database returns their numbers.
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
    # A trigger keeps it: what is copied in by other ways than ours is found as well.
    search: Mapped[str | None] = mapped_column(TSVECTOR, deferred=True)

    __table_args__ = (
        _one_of("level", get_args(Level)),
        _one_of("type", get_args(SpeechType)),
        CheckConstraint("duration_ms > 0", name="duration_ms"),
        Index(None, "search", postgresql_using="gin"),
        # Ids are in the order of time: the newest of a level, a type or a tag are next to each other.
        Index(None, "level", "id"),
        Index(None, "type", "id"),
    )


class SpeechTag(Base):
    """A speech carries a tag. A tag that is carried cannot be deleted."""

    __tablename__ = "speech_tags"

    speech_id: Mapped[UUID] = mapped_column(ForeignKey("speeches.id", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[UUID] = mapped_column(ForeignKey("tags.id"), primary_key=True)

    __table_args__ = (Index(None, "tag_id", "speech_id"),)


class SpeechStatistics(Base):
    """What became of a speech in all sessions; a speech that was never played has no row."""

    __tablename__ = "speech_statistics"

    speech_id: Mapped[UUID] = mapped_column(ForeignKey("speeches.id", ondelete="CASCADE"), primary_key=True)
    plays: Mapped[int] = mapped_column(BigInteger)
    correct: Mapped[int] = mapped_column(BigInteger)
    scored: Mapped[int] = mapped_column(BigInteger)
    score_sum: Mapped[float] = mapped_column(Double)


class CatalogueChange(Base):
    """The numbers of speeches that one transaction created, changed or deleted."""

    __tablename__ = "catalogue_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    transaction: Mapped[int] = mapped_column(Xid8, server_default=func.pg_current_xact_id(), index=True)
    numbers: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
