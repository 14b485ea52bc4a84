"""Create speeches, tags, play statistics, the log of changes, outbox and inbox.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from content.models import Xid8
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_tags()
    _create_speeches()
    _create_speech_tags()
    _create_speech_statistics()
    _create_catalogue_changes()
    _create_outbox_and_inbox()


def downgrade() -> None:
    for table in (
        "inbox",
        "outbox",
        "catalogue_changes",
        "speech_statistics",
        "speech_tags",
        "speeches",
        "tags",
    ):
        op.drop_table(table)


def _create_tags() -> None:
    op.create_table(
        "tags",
        sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("uuidv7()")),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("category", sa.String(100), nullable=False),
        sa.CheckConstraint("name = btrim(name) AND name <> ''", name="name_trimmed"),
    )
    op.create_index("uq_tags_name", "tags", [sa.text("lower(name)")], unique=True)


def _create_speeches() -> None:
    op.create_table(
        "speeches",
        sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("uuidv7()")),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("level", sa.String(2), nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("audio_key", sa.String(1024), nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("level IN ('A1', 'A2', 'B1', 'B2', 'C1', 'C2')", name="level"),
        sa.CheckConstraint("type IN ('question', 'answer')", name="type"),
        sa.CheckConstraint("duration_ms > 0", name="duration_ms"),
    )


def _create_speech_tags() -> None:
    op.create_table(
        "speech_tags",
        sa.Column("speech_id", sa.Uuid, sa.ForeignKey("speeches.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("tag_id", sa.Uuid, sa.ForeignKey("tags.id"), primary_key=True, index=True),
    )


def _create_speech_statistics() -> None:
    op.create_table(
        "speech_statistics",
        sa.Column("speech_id", sa.Uuid, sa.ForeignKey("speeches.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("plays", sa.BigInteger, nullable=False),
        sa.Column("correct", sa.BigInteger, nullable=False),
        sa.Column("scored", sa.BigInteger, nullable=False),
        sa.Column("score_sum", sa.Double, nullable=False),
    )


def _create_catalogue_changes() -> None:
    op.create_table(
        "catalogue_changes",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column(
            "transaction", Xid8, nullable=False, index=True, server_default=sa.func.pg_current_xact_id()
        ),
        sa.Column("numbers", postgresql.ARRAY(sa.BigInteger), nullable=False),
    )


def _create_outbox_and_inbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("type", sa.String(200), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            nullable=False,
            index=True,
            server_default=sa.func.now(),
        ),
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(200), primary_key=True),
        sa.Column("event_id", sa.Uuid, primary_key=True),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            index=True,
            server_default=sa.func.now(),
        ),
    )
