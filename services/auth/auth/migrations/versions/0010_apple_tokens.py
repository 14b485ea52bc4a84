"""Apple's refresh tokens, encrypted, to revoke them when the account is deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("identities", sa.Column("client_id", sa.String(255)))
    op.add_column("identities", sa.Column("sealed_refresh_token", sa.Text))


def downgrade() -> None:
    op.drop_column("identities", "sealed_refresh_token")
    op.drop_column("identities", "client_id")
