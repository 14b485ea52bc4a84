"""A secret of each account, which keys the hashes of the addresses that it was signed in to from."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Every row gets its own key, for which PostgreSQL rewrites the table: seconds for a million accounts.
    key = sa.Column("address_key", sa.Uuid, nullable=False, server_default=sa.func.gen_random_uuid())
    op.add_column("users", key)


def downgrade() -> None:
    op.drop_column("users", "address_key")
