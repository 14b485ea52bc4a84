from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from game.models import DailyGoal


async def find_sentences_per_day(session: AsyncSession, user_id: UUID) -> int | None:
    """Return the goal that the learner has set, or None."""
    goal = select(DailyGoal.sentences_per_day).where(DailyGoal.user_id == user_id)
    return (await session.scalars(goal)).one_or_none()
