"""Create upload sessions, files, import jobs with their parts, catalogue sentences, audit log, outbox, inbox.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = (
    "inbox",
    "outbox",
    "audit_log",
    "catalogue_sentences",
    "row_errors",
    "pending_objects",
    "uploaded_files",
    "import_jobs",
    "upload_sessions",
)


def upgrade() -> None:
    _upload_sessions()
    _import_jobs()
    _uploaded_files()
    _pending_objects()
    _row_errors()
    _catalogue_sentences()
    _audit_log()
    _outbox_and_inbox()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _id() -> sa.Column[object]:
    return sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("uuidv7()"))


def _moment(name: str, *, index: bool = False) -> sa.Column[object]:
    return sa.Column(name, MOMENT, nullable=False, server_default=sa.func.now(), index=index)


def _count(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _upload_sessions() -> None:
    op.create_table(
        "upload_sessions",
        _id(),
        sa.Column("owner_id", sa.Uuid, nullable=False, index=True),
        _moment("created_at"),
        sa.Column("expires_at", MOMENT, nullable=False, index=True),
    )


def _import_jobs() -> None:
    op.create_table(
        "import_jobs",
        _id(),
        sa.Column("owner_id", sa.Uuid, nullable=False, index=True),
        sa.Column("session_id", sa.Uuid, sa.ForeignKey("upload_sessions.id"), nullable=False),
        sa.Column("state", sa.String(12), nullable=False, server_default="queued"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("dry_run", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("source_key", sa.String(1024), nullable=False),
        sa.Column("source_filename", sa.String(255), nullable=False),
        sa.Column("source_sha256", sa.LargeBinary, nullable=False),
        sa.Column("encoding", sa.String(20)),
        sa.Column("delimiter", sa.String(1)),
        sa.Column("rows_total", sa.Integer),
        _count("rows_checked"),
        _count("success_count"),
        _count("error_count"),
        _count("warning_count"),
        sa.Column("failure_code", sa.String(40)),
        sa.Column("failure_detail", sa.Text),
        sa.Column("failure_row", sa.Integer),
        sa.Column("batch_key", sa.String(1024)),
        sa.Column("report_key", sa.String(1024)),
        sa.Column("deleted_count", sa.Integer),
        sa.Column("archived_count", sa.Integer),
        _moment("created_at"),
        _moment("updated_at"),
        sa.Column("finished_at", MOMENT),
    )
    op.create_index(
        "uq_import_jobs_unfinished",
        "import_jobs",
        ["session_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'validating', 'applying')"),
    )


def _uploaded_files() -> None:
    op.create_table(
        "uploaded_files",
        _id(),
        sa.Column("session_id", sa.Uuid, sa.ForeignKey("upload_sessions.id"), nullable=False),
        sa.Column("original_filename", sa.String(255), nullable=False),
        sa.Column("stored_filename", sa.String(255), nullable=False),
        sa.Column("name_key", sa.String(255), nullable=False),
        sa.Column("object_key", sa.String(1024), nullable=False, unique=True),
        sa.Column("state", sa.String(10), nullable=False, server_default="storing"),
        _moment("created_at"),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("sha256", sa.LargeBinary),
        sa.Column("format", sa.String(10)),
        sa.Column("duration_ms", sa.Integer),
        sa.Column("level_db", sa.Double),
        sa.Column("claimed_at", MOMENT),
        sa.Column("import_id", sa.Uuid, sa.ForeignKey("import_jobs.id")),
    )
    op.create_index(
        "uq_uploaded_files_session_id_name_key",
        "uploaded_files",
        ["session_id", "name_key"],
        unique=True,
        postgresql_where=sa.text("claimed_at IS NULL"),
    )
    op.create_index("ix_uploaded_files_session_id_name_key", "uploaded_files", ["session_id", "name_key"])
    op.create_index("ix_uploaded_files_session_id_sha256", "uploaded_files", ["session_id", "sha256"])
    op.create_index(
        "ix_uploaded_files_import_id",
        "uploaded_files",
        ["import_id"],
        postgresql_where=sa.text("import_id IS NOT NULL"),
    )
    op.create_index(
        "ix_uploaded_files_storing",
        "uploaded_files",
        ["created_at"],
        postgresql_where=sa.text("state = 'storing'"),
    )


def _pending_objects() -> None:
    op.create_table(
        "pending_objects",
        sa.Column("key", sa.String(1024), primary_key=True),
        _moment("created_at", index=True),
    )


def _row_errors() -> None:
    op.create_table(
        "row_errors",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("job_id", sa.Uuid, sa.ForeignKey("import_jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("column", sa.String(100), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_index("ix_row_errors_job_id_id", "row_errors", ["job_id", "id"])


def _catalogue_sentences() -> None:
    op.create_table(
        "catalogue_sentences",
        sa.Column("speech_id", sa.Uuid, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("sentence_hash", sa.BigInteger, index=True),
    )


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        _id(),
        _moment("at"),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject_id", sa.Uuid, nullable=False, index=True),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
    )


def _outbox_and_inbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("type", sa.String(200), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        _moment("recorded_at", index=True),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("due_at", MOMENT, server_default=sa.func.now(), index=True),
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(200), primary_key=True),
        sa.Column("event_id", sa.Uuid, primary_key=True),
        _moment("received_at", index=True),
    )
