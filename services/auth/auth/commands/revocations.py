"""Revocation of access tokens in every service, as soon as the caller's transaction is committed."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import structlog
from pydantic import Field
from shared.clock import utc_now
from shared.messaging.jobs import Job
from shared.messaging.outbox import enqueue
from shared.security.revocation import RETENTION_SECONDS, Revocation, Revocations, RevocationsUnavailable
from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import User

log = structlog.get_logger(__name__)

REVOKED = "revoked"


class RevokeAccess(Job):
    service: ClassVar[str] = "auth"

    revocations: list[Revocation]
    recorded_at: datetime = Field(default_factory=utc_now)


def revoke_user(session: AsyncSession, user: User) -> None:
    """Revoke the existing access tokens of a locked account, including those of its live sessions."""
    user.token_version += 1
    _record(session, [Revocation(subject=user.id, min_version=user.token_version)])


def revoke_deleted_user(session: AsyncSession, user_id: UUID) -> None:
    _record(session, [Revocation(subject=user_id)])


def revoke_sessions(session: AsyncSession, family_ids: Iterable[UUID]) -> None:
    """Revoke the access tokens of ended sessions."""
    if revocations := [Revocation(subject=family_id) for family_id in family_ids]:
        _record(session, revocations)


def _record(session: AsyncSession, revocations: list[Revocation]) -> None:
    # The job succeeds even if this process ends or Redis is down; `create_publisher` publishes sooner.
    enqueue(session, RevokeAccess(revocations=revocations))
    session.info.setdefault(REVOKED, []).extend(revocations)


def create_publisher(revocations: Revocations) -> Callable[[Mapping[Any, Any]], Awaitable[None]]:
    """Create a commit observer that publishes the transaction's revocations."""

    async def publish_revoked(info: Mapping[Any, Any]) -> None:
        if not (revoked := info.get(REVOKED)):
            return
        try:
            await revocations.revoke(*revoked)
        except RevocationsUnavailable as error:
            log.warning("revocation_deferred", count=len(revoked), reason=error.detail)

    return publish_revoked


async def publish_revocations(revocations: Revocations, job: RevokeAccess) -> None:
    """Publish the job's revocations unless all revoked tokens have expired. Raises RevocationsUnavailable."""
    if (utc_now() - job.recorded_at).total_seconds() < RETENTION_SECONDS:
        await revocations.revoke(*job.revocations)
