"""Changes of address that wait for their confirmation, and e-mails to addresses that no account has."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("new_email", sa.String(254)))
    op.add_column("users", sa.Column("new_email_expires_at", sa.DateTime(timezone=True)))
    op.add_column("mail_requests", sa.Column("user_id", sa.Uuid))


def downgrade() -> None:
    # The older version would look for an account with the new address.
    op.execute("DELETE FROM mail_requests WHERE user_id IS NOT NULL")
    op.drop_column("mail_requests", "user_id")
    op.drop_column("users", "new_email_expires_at")
    op.drop_column("users", "new_email")
