"""Count the e-mails to an address, whatever becomes of its account."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sent_emails",
        sa.Column("id", sa.Uuid, server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("address_digest", sa.LargeBinary, nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sent_emails"),
    )
    op.create_index("ix_sent_emails_address_digest_purpose", "sent_emails", ["address_digest", "purpose"])
    op.create_index("ix_sent_emails_sent_at", "sent_emails", ["sent_at"])


def downgrade() -> None:
    op.drop_table("sent_emails")
