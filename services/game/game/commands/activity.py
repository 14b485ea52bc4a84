"""Daily activity."""

from datetime import UTC

from contracts.game import CompletedSession
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.commands.users import erase_rows, lock_user
from game.models import DailyActivity, ErasedUser


async def add_daily_activity(session: AsyncSession, completed: CompletedSession) -> None:
    """Add a session to the activity of its learner on its UTC day.

    If the account is gone by now, the session was saved with a token that had outlived it: it is erased too.
    """
    await lock_user(session, completed.user_id)
    if await session.get(ErasedUser, completed.user_id) is not None:
        await erase_rows(session, completed.user_id)
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
