"""The token of an e-mail that is being sent, so that the next attempt can replace it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mail_requests", sa.Column("token_digest", sa.LargeBinary))


def downgrade() -> None:
    op.drop_column("mail_requests", "token_digest")
