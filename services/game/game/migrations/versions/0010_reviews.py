"""Reviews of played speeches, and whether a speech is archived.

Reviews start empty. Earlier versions may run at the same time: they schedule none, and leave `archived_at`
null.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("speech_id", sa.Uuid, primary_key=True),
        sa.Column("stability", sa.Double, nullable=False),
        sa.Column("difficulty", sa.Double, nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reviewed_on", sa.Date, nullable=False),
        sa.Column("interval_days", sa.Integer, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_response", sa.String(20), nullable=False),
        sa.Column("pronunciation_score", sa.Double),
        sa.Column("verified", sa.Boolean, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_reviews_user_id_due_at", "reviews", ["user_id", "due_at"], if_not_exists=True)
    op.add_column(
        "speech_revisions", sa.Column("archived_at", sa.DateTime(timezone=True)), if_not_exists=True
    )


def downgrade() -> None:
    op.drop_column("speech_revisions", "archived_at")
    op.drop_table("reviews")
