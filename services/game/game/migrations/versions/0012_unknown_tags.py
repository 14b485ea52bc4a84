"""Remove the figures of tags that clients made up.

Revision ID: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("daily_tags", "daily_tag_scores"):
        op.execute(
            f"DELETE FROM {table}"  # noqa: S608 - a constant
            f" WHERE NOT EXISTS (SELECT FROM tag_names WHERE tag_names.tag_id = {table}.tag_id)"
        )


def downgrade() -> None:
    pass
