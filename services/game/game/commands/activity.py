"""Count the activity of a learner per day."""

from contracts.game import CompletedSession
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.commands.users import delete_user_rows, lock_user
from game.domain.clock import get_local_day
from game.models import DailyActivity, ErasedUser


async def add_daily_activity(session: AsyncSession, completed: CompletedSession) -> None:
    await lock_user(session, completed.user_id)
    # The session of a deleted account was saved with an access token that outlived it.
    if await session.get(ErasedUser, completed.user_id) is not None:
        await delete_user_rows(session, completed.user_id)
        return
    added = insert(DailyActivity).values(
        user_id=completed.user_id,
        day=get_local_day(completed.completed_at, completed.utc_offset_minutes),
        sessions=1,
        sentences=len(completed.results),
        correct=sum(result.user_response == "correct" for result in completed.results),
        seconds=completed.duration_seconds,
    )
    figures = ("sessions", "sentences", "correct", "seconds")
    sums = {name: getattr(DailyActivity, name) + added.excluded[name] for name in figures}
    await session.execute(added.on_conflict_do_update(index_elements=["user_id", "day"], set_=sums))
