"""Apple's refresh tokens, encrypted, to revoke Apple's grant when an identity or account is deleted."""

from typing import Any, ClassVar
from uuid import UUID

import structlog
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.errors import Unavailable
from shared.messaging.jobs import Job
from shared.messaging.outbox import enqueue
from sqlalchemy import ColumnElement, delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import Identity
from auth.social import AppleClient, AppleRefused, VerifiedIdentity

log = structlog.get_logger(__name__)


class RevokeAppleToken(Job):
    service: ClassVar[str] = "auth"

    client_id: str
    sealed_token: str


async def exchange_apple_code(
    database: Database, apple: AppleClient, identity: VerifiedIdentity, *, code: str | None
) -> None:
    """Exchange the code of a sign-in that has succeeded. A failure is logged, and changes nothing."""
    if code is None or identity.provider != "apple" or not apple.is_enabled:
        return
    try:
        sealed_token = await apple.exchange(code, client_id=identity.client_id, subject=identity.subject)
        await _store_token(database, identity, sealed_token)
    except (AppleRefused, Unavailable) as error:
        log.warning("apple_code_not_exchanged", reason=str(error))


async def revoke_apple_token(apple: AppleClient, job: RevokeAppleToken) -> None:
    """Raises ProviderUnavailable, after which the job is repeated, and AppleRefused."""
    await apple.revoke(job.sealed_token, client_id=job.client_id)


async def remove_identities(session: AsyncSession, user_id: UUID, *which: ColumnElement[bool]) -> None:
    """Remove identities of a locked account, and enqueue the revocation of their grants."""
    columns: tuple[Any, ...] = (Identity.client_id, Identity.sealed_refresh_token)
    removed = delete(Identity).where(Identity.user_id == user_id, *which).returning(*columns)
    for client_id, sealed_token in (await session.execute(removed)).all():
        _enqueue_revocation(session, client_id, sealed_token)


@retry_conflicts
async def _store_token(database: Database, identity: VerifiedIdentity, sealed_token: str) -> None:
    same = (Identity.provider == identity.provider) & (Identity.subject == identity.subject)
    values = {"client_id": identity.client_id, "sealed_refresh_token": sealed_token}
    stored = update(Identity).where(same).values(values).returning(Identity.subject)
    async with database.transaction() as session:
        if (await session.execute(stored)).first() is None:
            # The account or identity was deleted during the request to Apple.
            _enqueue_revocation(session, identity.client_id, sealed_token)


def _enqueue_revocation(session: AsyncSession, client_id: str | None, sealed_token: str | None) -> None:
    if client_id is not None and sealed_token is not None:
        enqueue(session, RevokeAppleToken(client_id=client_id, sealed_token=sealed_token))
