"""Tables of the local copy of speeches and tags."""

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.data.db import Base
from sqlalchemy import DateTime, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column


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


class TagName(Base):
    __tablename__ = "tag_names"

    tag_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
