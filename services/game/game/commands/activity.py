"""Daily activity, and the end of an account."""

from datetime import UTC
from uuid import UUID

from contracts.game import CompletedSession
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.models import DailyActivity, ErasedUser, GameSession, UsedReceipt


async def count_session(session: AsyncSession, completed: CompletedSession) -> None:
    """Add a session to the activity of its learner on its UTC day.

    If the account is gone by now, the session was saved with a token that had outlived it: it is erased too.
    """
    await _one_at_a_time(session, completed.user_id)
    if await session.get(ErasedUser, completed.user_id) is not None:
        await _erase(session, completed.user_id)
        return
    correct = sum(result.user_response == "correct" for result in completed.results)
    counted = insert(DailyActivity).values(
        user_id=completed.user_id,
        day=completed.completed_at.astimezone(UTC).date(),
        sessions=1,
        sentences=len(completed.results),
        correct=correct,
        seconds=completed.duration_seconds,
    )
    figures = ("sessions", "sentences", "correct", "seconds")
    sums = {name: getattr(DailyActivity, name) + counted.excluded[name] for name in figures}
    await session.execute(counted.on_conflict_do_update(index_elements=["user_id", "day"], set_=sums))


async def erase_user(session: AsyncSession, user_id: UUID) -> None:
    """Remove all that is held on a user, now and whatever of it is still on its way."""
    await _one_at_a_time(session, user_id)
    await session.execute(insert(ErasedUser).values(user_id=user_id).on_conflict_do_nothing())
    await _erase(session, user_id)


async def _one_at_a_time(session: AsyncSession, user_id: UUID) -> None:
    """Until the transaction ends, so that neither command misses what the other is about to do."""
    key = func.hashtextextended(str(user_id), 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def _erase(session: AsyncSession, user_id: UUID) -> None:
    for table in (GameSession, UsedReceipt, DailyActivity):
        await session.execute(delete(table).where(table.user_id == user_id))
