"""What each learner has practised: speeches, tags and phonemes, and the scorers of the scores.

It runs while the system is in use and can be repeated after an interruption. Earlier versions may run at the
same time: the sessions that they save are not counted yet, like those from before. The worker counts all of
them in the background.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

RATE = (
    "(correct::double precision + score_sum / 100::double precision + 8::double precision)"
    " / (attempts + scores + 10)::double precision"
)
HARDEST = "ix_practised_speeches_user_id_estimated_rate_speech_id"


def upgrade() -> None:
    counted = sa.Column("practice_counted", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("game_sessions", counted, if_not_exists=True)
    _create_tables()
    op.create_index(
        HARDEST,
        "practised_speeches",
        ["user_id", "estimated_rate", "speech_id"],
        postgresql_where=sa.text("estimated_rate < 0.8"),
        if_not_exists=True,
    )
    with op.get_context().autocommit_block():
        # An interrupted attempt leaves an invalid index.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_game_sessions_practice")
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_game_sessions_practice ON game_sessions (id)"
            " WHERE NOT practice_counted"
        )


def _create_tables() -> None:
    op.create_table(
        "practised_speeches",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("speech_id", sa.Uuid, primary_key=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("correct", sa.Integer, nullable=False),
        sa.Column("scores", sa.Integer, nullable=False),
        sa.Column("score_sum", sa.Double, nullable=False),
        sa.Column("last_played_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("estimated_rate", sa.Double, sa.Computed(RATE, persisted=True), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "practised_tags",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("tag_id", sa.Uuid, primary_key=True),
        sa.Column("sessions", sa.Integer, nullable=False),
        sa.Column("sentences", sa.Integer, nullable=False),
        sa.Column("correct", sa.Integer, nullable=False),
        sa.Column("score_sum", sa.Double, nullable=False),
        sa.Column("scored_count", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "practised_scorers",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("scorer", sa.Text, primary_key=True),
        sa.Column("utc_offset_minutes", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("scores", sa.Integer, nullable=False),
        sa.Column("score_sum", sa.Double, nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "practised_phonemes",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("scorer", sa.Text, primary_key=True),
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("scores", sa.BigInteger, nullable=False),
        sa.Column("score_sum", sa.Double, nullable=False),
        sa.Column("last_scored_at", sa.DateTime(timezone=True), nullable=False),
        if_not_exists=True,
    )


def downgrade() -> None:
    for table in ("practised_phonemes", "practised_scorers", "practised_tags", "practised_speeches"):
        op.drop_table(table)
    op.drop_index("ix_game_sessions_practice", table_name="game_sessions")
    op.drop_column("game_sessions", "practice_counted")
