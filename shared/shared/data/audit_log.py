"""The audit log of a service, which is permanent and contains no personal data."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import DateTime, Index, String, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from shared.data.db import Base

MAX_ACTION_LENGTH = 40


class AuditEntry(Base):
    """An audited change. Without an actor, the system, an e-mail link or the command line made it."""

    __tablename__ = "audit_log"
    # Dates need no index: ids are ordered by time.
    __table_args__ = (
        Index("ix_audit_log_actor_id_id", "actor_id", "id"),
        Index("ix_audit_log_action_id", "action", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    actor_id: Mapped[UUID | None] = mapped_column(Uuid)
    action: Mapped[str] = mapped_column(String(MAX_ACTION_LENGTH))
    subject_id: Mapped[UUID] = mapped_column(Uuid, index=True)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class Recorder[Action: str](Protocol):
    """`record` for the actions of one service: `record: Recorder[AuditAction] = audit_log.record`."""

    def __call__(
        self,
        session: AsyncSession,
        action: Action,
        *,
        subject: UUID,
        actor: UUID | None,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None: ...


def record(
    session: AsyncSession,
    action: str,
    *,
    subject: UUID,
    actor: UUID | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Record JSON values before and after a change, in its transaction. They must not be personal data."""
    session.add(
        AuditEntry(
            action=action,
            subject_id=subject,
            actor_id=actor,
            before=dict(before) if before is not None else None,
            after=dict(after) if after is not None else None,
        )
    )
