"""Identities at providers, links in e-mails, the letters to be sent, and the audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("users", "password_hash", nullable=True)
    op.add_column("users", _create_time_column("password_set_at", server_default=sa.func.now()))
    op.create_index(
        "ix_users_email_key_prefix",
        "users",
        ["email_key"],
        postgresql_ops={"email_key": "varchar_pattern_ops"},
    )
    op.create_table(
        "identities",
        sa.Column("provider", sa.String(20), primary_key=True),
        sa.Column("subject", sa.String(255), primary_key=True),
        _create_user_column(),
        sa.Column("email_key", sa.String(254)),
        _create_time_column("linked_at", server_default=sa.func.now()),
        sa.UniqueConstraint("user_id", "provider"),
    )
    op.create_table(
        "one_time_tokens",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        _create_user_column(index=True),
        sa.Column("purpose", sa.String(20), nullable=False),
        _create_time_column("created_at"),
        _create_time_column("expires_at", index=True),
        _create_time_column("used_at", nullable=True),
    )
    op.create_table(
        "mail_requests",
        _create_id_column(),
        sa.Column("letter", sa.String(40), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        _create_time_column("requested_at", server_default=sa.func.now()),
        _create_time_column("due_at", server_default=sa.func.now(), index=True),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_table(
        "audit_log",
        _create_id_column(),
        _create_time_column("at", server_default=sa.func.now()),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject_id", sa.Uuid, nullable=False, index=True),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
    )


def _create_id_column() -> sa.Column[object]:
    return sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("uuidv7()"))


def _create_user_column(*, index: bool = False) -> sa.Column[object]:
    owner = sa.ForeignKey("users.id", ondelete="CASCADE")
    return sa.Column("user_id", sa.Uuid, owner, nullable=False, index=index)


def _create_time_column(name: str, *, nullable: bool = False, **options: object) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, **options)  # type: ignore[arg-type]
