from datetime import datetime
from uuid import UUID

from shared.data.audit_log import AuditEntry
from shared.data.db import Base
from shared.messaging.inbox import InboxEvent
from shared.messaging.outbox import OutboxEvent
from sqlalchemy import (
    BigInteger,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    String,
    Text,
    Uuid,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from importer.types import FileState, JobState, RowProblemCode, Severity

__all__ = [
    "AuditEntry",
    "Base",
    "CatalogueSentence",
    "ImportJob",
    "InboxEvent",
    "OutboxEvent",
    "PendingObject",
    "RowError",
    "UploadSession",
    "UploadedFile",
]


class UploadSession(Base):
    """A collection of one editor's recordings, until it expires."""

    __tablename__ = "upload_sessions"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=func.uuidv7())
    owner_id: Mapped[UUID] = mapped_column(Uuid, index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class UploadedFile(Base):
    """A recording under its permanent key. The row is created before the object, so that every object has an
    owner. `name_key` is the normalised name: NFC, case-folded. A claimed file belongs to an import
    (`import_id`) or to a speech; neither the end of its session nor a purge deletes it.
    """

    __tablename__ = "uploaded_files"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=func.uuidv7())
    session_id: Mapped[UUID] = mapped_column(ForeignKey("upload_sessions.id"))
    original_filename: Mapped[str] = mapped_column(String(255))
    stored_filename: Mapped[str] = mapped_column(String(255))
    name_key: Mapped[str] = mapped_column(String(255))
    object_key: Mapped[str] = mapped_column(String(1024), unique=True)
    state: Mapped[FileState] = mapped_column(String(10), server_default="storing")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    # Null while the file is being stored.
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    format: Mapped[str | None] = mapped_column(String(10))
    duration_ms: Mapped[int | None]
    level_db: Mapped[float | None] = mapped_column(Double)
    claimed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    import_id: Mapped[UUID | None] = mapped_column(ForeignKey("import_jobs.id"))

    __table_args__ = (
        Index(
            "uq_uploaded_files_session_id_name_key",
            "session_id",
            "name_key",
            unique=True,
            postgresql_where=text("claimed_at IS NULL"),
        ),
        # Includes claimed files: otherwise each chunk of a table would read all files of its session.
        Index(None, "session_id", "name_key"),
        Index(None, "session_id", "sha256"),
        Index("ix_uploaded_files_import_id", "import_id", postgresql_where=text("import_id IS NOT NULL")),
        Index("ix_uploaded_files_storing", "created_at", postgresql_where=text("state = 'storing'")),
    )


class ImportJob(Base):
    """An import of one table. `version` increases with every change of the row."""

    __tablename__ = "import_jobs"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=func.uuidv7())
    owner_id: Mapped[UUID] = mapped_column(Uuid, index=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("upload_sessions.id"))
    state: Mapped[JobState] = mapped_column(String(12), server_default="queued")
    version: Mapped[int] = mapped_column(server_default="1")
    dry_run: Mapped[bool] = mapped_column(server_default=false())
    source_key: Mapped[str] = mapped_column(String(1024))
    source_filename: Mapped[str] = mapped_column(String(255))
    source_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    # As found in the table; null until then.
    encoding: Mapped[str | None] = mapped_column(String(20))
    delimiter: Mapped[str | None] = mapped_column(String(1))
    rows_total: Mapped[int | None]
    rows_checked: Mapped[int] = mapped_column(server_default="0")
    success_count: Mapped[int] = mapped_column(server_default="0")
    error_count: Mapped[int] = mapped_column(server_default="0")
    warning_count: Mapped[int] = mapped_column(server_default="0")
    failure_code: Mapped[str | None] = mapped_column(String(40))
    failure_detail: Mapped[str | None] = mapped_column(Text)
    failure_row: Mapped[int | None]
    # Each attempt to validate writes its own batch, under its own key.
    batch_key: Mapped[str | None] = mapped_column(String(1024))
    report_key: Mapped[str | None] = mapped_column(String(1024))
    deleted_count: Mapped[int | None]
    archived_count: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        Index(None, "state", "id"),
        Index(
            "uq_import_jobs_unfinished",
            "session_id",
            unique=True,
            postgresql_where=text("state IN ('queued', 'validating', 'applying')"),
        ),
    )


class PendingObject(Base):
    """An object without an owner. This row is created before the object, and deleted when an owner exists."""

    __tablename__ = "pending_objects"

    key: Mapped[str] = mapped_column(String(1024), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), index=True
    )


class RowError(Base):
    """A problem of one table row. `row` is counted as in a spreadsheet: the header is row 1.

    `cells` are the beginnings of all cells of the row, by column.
    """

    __tablename__ = "row_errors"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("import_jobs.id", ondelete="CASCADE"))
    row: Mapped[int]
    column: Mapped[str] = mapped_column(String(100))
    code: Mapped[RowProblemCode] = mapped_column(String(40))
    severity: Mapped[Severity] = mapped_column(String(10))
    message: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    cells: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))

    __table_args__ = (Index(None, "job_id", "id"),)


class CatalogueSentence(Base):
    """The hash of a catalogue sentence, to find duplicates.

    `revision` is that of the last event. A deleted speech keeps its row, without a hash, because an older
    event may still arrive.
    """

    __tablename__ = "catalogue_sentences"

    speech_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    revision: Mapped[int]
    sentence_hash: Mapped[int | None] = mapped_column(BigInteger, index=True)
