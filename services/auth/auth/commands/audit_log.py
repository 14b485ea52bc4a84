"""The audit log, which is permanent and contains no personal data."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import AuditEntry
from auth.types import AuditAction


def record(
    session: AsyncSession,
    action: AuditAction,
    *,
    subject: UUID,
    actor: UUID | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Record an action. `before` and `after` must not contain personal data: they outlive the account."""
    session.add(
        AuditEntry(
            action=action,
            subject_id=subject,
            actor_id=actor,
            before=dict(before) if before is not None else None,
            after=dict(after) if after is not None else None,
        )
    )
