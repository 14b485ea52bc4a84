from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.commands.users import lock_active_user
from game.models import DailyGoal


async def update_goal(session: AsyncSession, user_id: UUID, *, sentences_per_day: int) -> None:
    """Set a learner's daily goal. Raises AccountErased."""
    await lock_active_user(session, user_id)
    goal = insert(DailyGoal).values(user_id=user_id, sentences_per_day=sentences_per_day)
    changed = {"sentences_per_day": goal.excluded.sentences_per_day}
    await session.execute(goal.on_conflict_do_update(index_elements=["user_id"], set_=changed))
