"""Whether an e-mail was requested from an address that the account's owner has used."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_known = sa.Column("from_known_address", sa.Boolean, server_default=sa.false(), nullable=False)
    op.add_column("mail_requests", is_known)


def downgrade() -> None:
    op.drop_column("mail_requests", "from_known_address")
