"""Erase a user whose account was deleted."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.models import (
    DailyActivity,
    DailyGoal,
    ErasedUser,
    GameSession,
    PractisedPhoneme,
    PractisedScorer,
    PractisedSpeech,
    PractisedTag,
    Review,
    UsedReceipt,
)
from game.queries.users import ensure_not_erased

# Far longer than an access token is valid or a delivery delayed. Dead letters must not be replayed after
# that.
ERASED_RETENTION = timedelta(days=30)


async def erase_user(session: AsyncSession, user_id: UUID) -> None:
    """Delete all data stored on a user, and remember the id for late events."""
    await lock_user(session, user_id)
    await session.execute(insert(ErasedUser).values(user_id=user_id).on_conflict_do_nothing())
    await delete_user_rows(session, user_id)


async def lock_active_user(session: AsyncSession, user_id: UUID) -> None:
    """Lock the user against erasure until the transaction ends. Raises AccountErased."""
    await session.execute(select(func.pg_advisory_xact_lock_shared(_lock_key(user_id))))
    # A separate statement sees rows committed while waiting for the lock.
    await ensure_not_erased(session, user_id)


async def lock_user(session: AsyncSession, user_id: UUID) -> None:
    """Serialise commands on this user, so that each sees the other's rows."""
    await session.execute(select(func.pg_advisory_xact_lock(_lock_key(user_id))))


def _lock_key(user_id: UUID) -> ColumnElement[int]:
    return func.hashtextextended(str(user_id), 0)


async def delete_user_rows(session: AsyncSession, user_id: UUID) -> None:
    # The sessions first: this waits for the worker, which may be adding one of them to the others.
    practised = (PractisedSpeech, PractisedTag, PractisedScorer, PractisedPhoneme)
    for table in (GameSession, UsedReceipt, DailyActivity, DailyGoal, Review, *practised):
        await session.execute(delete(table).where(table.user_id == user_id))


async def purge_erased_users(session: AsyncSession) -> None:
    expired = ErasedUser.erased_at < func.now() - ERASED_RETENTION
    await session.execute(delete(ErasedUser).where(expired))
