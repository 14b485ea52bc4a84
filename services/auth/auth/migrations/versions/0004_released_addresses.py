"""Accounts may lose their address, and tokens of e-mails count for the address that they were sent to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("users", "email", nullable=True)
    op.alter_column("users", "email_key", nullable=True)
    op.add_column("one_time_tokens", sa.Column("email_key", sa.String(254)))


def downgrade() -> None:
    op.drop_column("one_time_tokens", "email_key")
    # The older version needs an address in every row; `invalid` is one that no mail server has.
    op.execute(
        "UPDATE users SET email = id || '@released.invalid', email_key = id || '@released.invalid'"
        " WHERE email IS NULL"
    )
    op.alter_column("users", "email", nullable=False)
    op.alter_column("users", "email_key", nullable=False)
