"""The audit log: what is written down for good, by ids and without personal data."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import AuditEntry
from auth.types import Action


def record(
    session: AsyncSession,
    action: Action,
    *,
    subject: UUID,
    actor: UUID | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write down who did what to whom, in the transaction that does it.

    `before` and `after` hold no personal data: they outlive the account.
    """
    session.add(
        AuditEntry(
            action=action,
            subject_id=subject,
            actor_id=actor,
            before=dict(before) if before is not None else None,
            after=dict(after) if after is not None else None,
        )
    )
