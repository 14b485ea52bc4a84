"""Sessions with their results and receipts, the copy of speeches, activity, outbox and inbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_sessions()
    _create_copy_of_speeches()
    _create_activity()
    _create_outbox_and_inbox()


def _create_sessions() -> None:
    op.create_table(
        "game_sessions",
        sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("uuidv7()")),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("idempotency_key", sa.String(255)),
        sa.Column("request_sha256", sa.LargeBinary, nullable=False),
        sa.Column("mode", sa.String(20), nullable=False),
        sa.Column("level", sa.String(2), nullable=False),
        sa.Column("sentence_type", sa.String(20)),
        sa.Column("selected_tags", JSONB, nullable=False),
        sa.Column("duration_seconds", sa.Integer, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("completed_at", INSTANT, nullable=False),
        sa.Column("total_sentences", sa.Integer, nullable=False),
        sa.Column("correct_count", sa.Integer, nullable=False),
        sa.Column("incorrect_count", sa.Integer, nullable=False),
        sa.Column("skipped_count", sa.Integer, nullable=False),
        sa.Column("max_streak", sa.Integer, nullable=False),
        sa.Column("score_sum", sa.Double, nullable=False),
        sa.Column("scored_count", sa.Integer, nullable=False),
        sa.Column("avg_pronunciation_score", sa.Double),
        sa.Column("saved_at", INSTANT, nullable=False, server_default=sa.func.now()),
        sa.UniqueConstraint("user_id", "idempotency_key"),
    )
    op.create_index(None, "game_sessions", ["user_id", "completed_at", "id"])
    op.create_table(
        "game_results",
        sa.Column(
            "session_id", sa.Uuid, sa.ForeignKey("game_sessions.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("sequence_number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("speech_id", sa.Uuid, nullable=False),
        sa.Column("user_response", sa.String(20), nullable=False),
        sa.Column("response_time_ms", sa.Integer, nullable=False),
        sa.Column("pronunciation_score", sa.Double),
        sa.Column("verified", sa.Boolean, nullable=False),
        sa.Column("recognized_text", sa.Text),
    )
    op.create_table(
        "used_receipts",
        sa.Column("jti", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Uuid, nullable=False),
    )
    op.create_index(None, "used_receipts", ["user_id"])


def _create_copy_of_speeches() -> None:
    op.create_table(
        "speech_revisions",
        sa.Column("speech_id", sa.Uuid, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("tags", JSONB, nullable=False),
        sa.Column("audio_key", sa.Text, nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
    )
    op.create_table(
        "speech_deletions",
        sa.Column("speech_id", sa.Uuid, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("deleted_at", INSTANT, nullable=False),
    )
    op.create_table(
        "tag_names",
        sa.Column("tag_id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
    )


def _create_activity() -> None:
    op.create_table(
        "daily_activity",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("sessions", sa.Integer, nullable=False),
        sa.Column("sentences", sa.Integer, nullable=False),
        sa.Column("correct", sa.Integer, nullable=False),
        sa.Column("seconds", sa.BigInteger, nullable=False),
    )
    op.create_index(None, "daily_activity", ["day"])
    op.create_table("erased_users", sa.Column("user_id", sa.Uuid, primary_key=True))


def _create_outbox_and_inbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("type", sa.String(200), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False, server_default=sa.func.now()),
    )
    op.create_index(None, "outbox", ["recorded_at"])
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(200), primary_key=True),
        sa.Column("event_id", sa.Uuid, primary_key=True),
        sa.Column("received_at", INSTANT, nullable=False, server_default=sa.func.now()),
    )
    op.create_index(None, "inbox", ["received_at"])


def downgrade() -> None:
    for table in (
        "inbox",
        "outbox",
        "erased_users",
        "daily_activity",
        "tag_names",
        "speech_deletions",
        "speech_revisions",
        "used_receipts",
        "game_results",
        "game_sessions",
    ):
        op.drop_table(table)
