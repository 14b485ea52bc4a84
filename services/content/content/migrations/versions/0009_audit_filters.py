"""Find entries of the audit log by person and by action.

It runs while the system is in use and can be repeated after an interruption.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_audit_log_actor_id_id": "audit_log (actor_id, id)",
    "ix_audit_log_action_id": "audit_log (action, id)",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            # An interrupted attempt leaves an invalid index.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, table_name="audit_log")
