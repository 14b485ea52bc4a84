"""Sign-ons to the admin panel."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "panel_sessions",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("family_id", sa.Uuid, nullable=False),
        sa.Column("csrf_token", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_panel_sessions"),
        sa.ForeignKeyConstraint(
            ["family_id"],
            ["refresh_families.id"],
            name="fk_panel_sessions_family_id_refresh_families",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("family_id", name="uq_panel_sessions_family_id"),
    )


def downgrade() -> None:
    # An older version would take their families for sign-ins to the API.
    op.execute("DELETE FROM refresh_families WHERE id IN (SELECT family_id FROM panel_sessions)")
    op.drop_table("panel_sessions")
