"""Note which tag is being merged into which.

Earlier versions may run at the same time: they still list a tag that is being merged.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Other statements would queue behind a lock that this one waits for.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("tags", sa.Column("merged_into", sa.Uuid), if_not_exists=True)
    op.execute("ALTER TABLE tags DROP CONSTRAINT IF EXISTS fk_tags_merged_into_tags")
    op.create_foreign_key("fk_tags_merged_into_tags", "tags", "tags", ["merged_into"], ["id"])


def downgrade() -> None:
    op.drop_column("tags", "merged_into")
