"""Let speeches be archived, find those of an import or a recording, and keep an audit log.

It runs while the system is in use and can be repeated after an interruption. Earlier versions may run
at the same time: to them all speeches are in play.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Partial indexes without archived speeches keep lists fast, however many are archived.
INDEXES = {
    "ix_speeches_in_play": "speeches (id) WHERE archived_at IS NULL",
    "ix_speeches_in_play_level": "speeches (level, id) WHERE archived_at IS NULL",
    "ix_speeches_in_play_type": "speeches (type, id) WHERE archived_at IS NULL",
    "ix_speeches_archived": "speeches (id) WHERE archived_at IS NOT NULL",
    "ix_speeches_audio_key": "speeches (audio_key)",
    "ix_speeches_import_id_id": "speeches (import_id, id) WHERE import_id IS NOT NULL",
}


def upgrade() -> None:
    # Other statements would queue behind a lock that this one waits for.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("speeches", sa.Column("archived_at", sa.DateTime(timezone=True)), if_not_exists=True)
    op.add_column("speeches", sa.Column("import_id", sa.Uuid), if_not_exists=True)
    _create_audit_log()
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            # An interrupted attempt leaves an invalid index.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")
        op.execute("ANALYZE speeches")


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("uuidv7()")),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject_id", sa.Uuid, nullable=False),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
        if_not_exists=True,
    )
    op.create_index("ix_audit_log_subject_id", "audit_log", ["subject_id"], if_not_exists=True)


def downgrade() -> None:
    op.drop_table("audit_log")
    for name in INDEXES:
        op.drop_index(name, table_name="speeches")
    for column in ("import_id", "archived_at"):
        op.drop_column("speeches", column)
