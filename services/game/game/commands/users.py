"""The end of an account."""

from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.models import DailyActivity, ErasedUser, GameSession, UsedReceipt


async def erase_user(session: AsyncSession, user_id: UUID) -> None:
    """Remove all that is held on a user, now and whatever of it is still on its way."""
    await lock_user(session, user_id)
    await session.execute(insert(ErasedUser).values(user_id=user_id).on_conflict_do_nothing())
    await erase_rows(session, user_id)


async def lock_user(session: AsyncSession, user_id: UUID) -> None:
    """Until the transaction ends, so that neither command misses what the other is about to do."""
    key = func.hashtextextended(str(user_id), 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def erase_rows(session: AsyncSession, user_id: UUID) -> None:
    for table in (GameSession, UsedReceipt, DailyActivity):
        await session.execute(delete(table).where(table.user_id == user_id))
