"""Daily goals of learners."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "daily_goals",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("sentences_per_day", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("daily_goals")
