"""Count the activity of a learner per day."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from contracts.game import CompletedSession
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.commands.users import delete_user_rows, lock_user
from game.domain.clock import get_local_day
from game.models import DailyActivity, ErasedUser, GameSession

FIGURES = ("sessions", "sentences", "correct", "seconds")


async def add_daily_activity(session: AsyncSession, completed: CompletedSession) -> None:
    await lock_user(session, completed.user_id)
    # The session was saved with an access token that outlived its account.
    if await session.get(ErasedUser, completed.user_id) is not None:
        await delete_user_rows(session, completed.user_id)
        return
    correct = sum(result.user_response == "correct" for result in completed.results)
    figures = (1, len(completed.results), correct, completed.duration_seconds)
    day = get_local_day(completed.completed_at, completed.utc_offset_minutes)
    await _add(session, completed.user_id, day, figures)


async def subtract_daily_activity(session: AsyncSession, deleted: GameSession) -> None:
    """Subtract a session. If its event has not arrived yet, the counts are negative until then."""
    figures = (1, deleted.total_sentences, deleted.correct_count, deleted.duration_seconds)
    day = get_local_day(deleted.completed_at, deleted.utc_offset_minutes)
    await _add(session, deleted.user_id, day, [-figure for figure in figures])


async def _add(session: AsyncSession, user_id: UUID, day: date, figures: Sequence[int]) -> None:
    row = dict(zip(FIGURES, figures, strict=True))
    added = insert(DailyActivity).values(user_id=user_id, day=day, **row)
    sums = {name: getattr(DailyActivity, name) + added.excluded[name] for name in FIGURES}
    await session.execute(added.on_conflict_do_update(index_elements=["user_id", "day"], set_=sums))
    of_day = DailyActivity.user_id == user_id, DailyActivity.day == day
    await session.execute(delete(DailyActivity).where(*of_day, DailyActivity.sessions == 0))
