"""Sessions of the operator end when its name or password hash changes."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("panel_sessions", sa.Column("operator_digest", sa.LargeBinary))


def downgrade() -> None:
    op.drop_column("panel_sessions", "operator_digest")
