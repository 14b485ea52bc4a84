"""Accounts, their refresh tokens, and the tables that events go through."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("uuidv7()")),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False, unique=True),
        sa.Column("email_verified", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("avatar_url", sa.String(2048)),
        sa.Column("auth_provider", sa.String(20), nullable=False, server_default="email"),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("role", sa.String(20), nullable=False, server_default="learner"),
        _create_time_column("created_at"),
        _create_time_column("updated_at"),
        sa.CheckConstraint("role IN ('learner', 'editor', 'admin')", name="role"),
    )
    _create_refresh_tables()
    _create_event_tables()


def _create_refresh_tables() -> None:
    op.create_table(
        "refresh_families",
        sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("uuidv7()")),
        sa.Column(
            "user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        _create_time_column("created_at"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
    )
    family = sa.ForeignKey("refresh_families.id", ondelete="CASCADE")
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("family_id", sa.Uuid, family, nullable=False, index=True),
        sa.Column("spent_at", sa.DateTime(timezone=True)),
        sa.Column("sealed_successor", sa.Text),
    )
    op.create_index(
        "uq_refresh_tokens_head",
        "refresh_tokens",
        ["family_id"],
        unique=True,
        postgresql_where=sa.text("spent_at IS NULL"),
    )


def _create_event_tables() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("type", sa.String(200), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        _create_time_column("recorded_at", index=True),
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(200), primary_key=True),
        sa.Column("event_id", sa.Uuid, primary_key=True),
        _create_time_column("received_at", index=True),
    )


def _create_time_column(name: str, *, index: bool = False) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now(), index=index
    )
