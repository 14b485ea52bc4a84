"""Erase a user whose account was deleted."""

from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.models import DailyActivity, ErasedUser, GameSession, UsedReceipt


async def erase_user(session: AsyncSession, user_id: UUID) -> None:
    """Delete everything that is stored on a user, and remember the id for events that arrive later."""
    await lock_user(session, user_id)
    await session.execute(insert(ErasedUser).values(user_id=user_id).on_conflict_do_nothing())
    await delete_user_rows(session, user_id)


async def lock_user(session: AsyncSession, user_id: UUID) -> None:
    """Make other commands on this user wait for this transaction, so that each sees the other's rows."""
    key = func.hashtextextended(str(user_id), 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def delete_user_rows(session: AsyncSession, user_id: UUID) -> None:
    for table in (GameSession, UsedReceipt, DailyActivity):
        await session.execute(delete(table).where(table.user_id == user_id))
